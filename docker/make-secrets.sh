#!/usr/bin/env bash
# Makes the secrets that nobody has to think up: passwords, URLs, the key, a self-signed certificate.
# usage: docker/make-secrets.sh HOST [DIRECTORY]   HOST: the name or address under which the bridge reaches this machine
# Files that are there already are left alone. What comes from elsewhere is listed at the end.
set -euo pipefail
host=${1:?usage: make-secrets.sh HOST [DIRECTORY]}
directory=${2:-"$(dirname "$0")/secrets"}

umask 077
mkdir -p "$directory"
cd "$directory"

keep() { # keep NAME VALUE: writes a file unless it is there
  [ -e "$1" ] || printf '%s' "$2" > "$1"
}
random() { openssl rand -hex 32; }

keep journal_password "$(random)"
keep admin_journal_url "postgres://journal_admin:$(cat journal_password)@journal:5432/journal?sslmode=disable"
keep bot_journal_url "postgres://drawbridge_bot_login:$(random)@journal:5432/journal?sslmode=disable"
keep worker_journal_url "postgres://drawbridge_worker_login:$(random)@journal:5432/journal?sslmode=disable"
keep redis_conf "requirepass $(random)"
redis_password=$(sed -n 's/^requirepass //p' redis_conf)
keep redis_url "redis://:${redis_password}@redis:6379/0"
# without a user: each bridge gets a journal role of its own
keep agent_journal_url "postgres://${host}:5432/journal?sslmode=require"
keep agent_redis_url "rediss://:${redis_password}@${host}:6380/0"
keep drawbridge_key "$(random)"
if [ ! -e tls_key ]; then
  kind=DNS
  [[ $host =~ ^[0-9.]+$ ]] && kind=IP
  openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj "/CN=${host}" -addext "subjectAltName=${kind}:${host}" \
    -keyout tls_key -out tls_certificate 2> /dev/null
fi

# The containers read these as their own users (1000 in our image, 999 in Redis's); the directory keeps others out.
chmod 644 ./*
chmod 700 .
for name in heroku_api_token aws_credentials slack_signing_secret slack_bot_token; do
  [ -e "$name" ] || echo "still to be put into ${directory}: $name"
done
