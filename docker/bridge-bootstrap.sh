#!/usr/bin/env bash
# Makes an Ubuntu or Debian host into a bridge: PostgreSQL of the source's major version, Node 24, Drawbridge's agent, and
# PostgreSQL as a service of its own. Run it as root once, on the machine that the image for `aws.bridge.imageId` is made
# of (Packer, EC2 Image Builder, or by hand); the instance's user-data stays what Drawbridge puts there: a pointer into our
# bucket, no script and no secret.
# usage: bridge-bootstrap.sh PG_MAJOR SOURCE   SOURCE: a checkout's directory, or a tar.gz of one
# Choose the release of Ubuntu that Heroku's server has: indexes on text are copied as they are and need the same glibc.
set -euo pipefail
major=${1:?usage: bridge-bootstrap.sh PG_MAJOR SOURCE}
source=${2:?usage: bridge-bootstrap.sh PG_MAJOR SOURCE}
case $major in 14 | 15 | 16 | 17 | 18) ;; *) echo "PG_MAJOR is 14 to 18, not $major" >&2; exit 2 ;; esac

export DEBIAN_FRONTEND=noninteractive
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")

install_packages() {
  apt-get update
  apt-get install --yes --no-install-recommends ca-certificates curl gnupg
  curl -fsSL https://www.postgresql.org/media/keys/ACCC4CF8.asc -o /usr/share/keyrings/pgdg.asc
  curl -fsSL https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key | gpg --batch --yes --dearmor -o /usr/share/keyrings/nodesource.gpg
  echo "deb [signed-by=/usr/share/keyrings/pgdg.asc] https://apt.postgresql.org/pub/repos/apt ${codename}-pgdg main" \
    > /etc/apt/sources.list.d/pgdg.list
  echo "deb [signed-by=/usr/share/keyrings/nodesource.gpg] https://deb.nodesource.com/node_24.x nodistro main" \
    > /etc/apt/sources.list.d/nodesource.list
  apt-get update
  # no cluster of the distribution's: the agent restores the only one
  mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
  apt-get install --yes --no-install-recommends "postgresql-$major" nodejs lzop openssl
  systemctl disable --now postgresql.service || true
}

install_drawbridge() {
  install -d -m 755 /opt/drawbridge
  if [ -d "$source" ]; then
    tar -C "$source" -cf - package.json package-lock.json bin jobs src | tar -C /opt/drawbridge -xf -
  else
    tar -C /opt/drawbridge --strip-components=1 -xzf "$source"
  fi
  (cd /opt/drawbridge && npm ci --omit=dev --ignore-scripts --no-audit --no-fund)
  install -d -m 700 -o postgres -g postgres /var/lib/drawbridge
  install -d -m 755 /etc/drawbridge
  # A certificate authority of your own for journal and Redis goes to /etc/drawbridge/ca.pem before the image is made.
  [ -e /etc/drawbridge/ca.pem ] || install -m 644 /dev/null /etc/drawbridge/ca.pem
}

# PostgreSQL starts at boot without agent, journal and Redis, and is stopped cleanly at shutdown, whoever started it.
install_postgres_service() {
  cat > /opt/drawbridge/start-postgres.sh << EOS
#!/usr/bin/env bash
set -euo pipefail
data=/var/lib/drawbridge/pgdata
[ -s "\$data/PG_VERSION" ] && [ -s "\$data/postgresql.conf" ] || { echo "nothing has been restored here yet"; exit 0; }
# the socket lies below /tmp, which is empty after a boot
socket=\$(sed -n "s/^unix_socket_directories = '\(.*\)'\$/\1/p" "\$data/postgresql.conf" | tail -1)
[ -z "\$socket" ] || install -d -m 700 "\$socket"
exec /usr/lib/postgresql/$major/bin/pg_ctl start -D "\$data" -W -s -l /var/lib/drawbridge/postgresql.log
EOS
  chmod 755 /opt/drawbridge/start-postgres.sh
  cat > /etc/systemd/system/drawbridge-postgres.service << EOS
[Unit]
Description=PostgreSQL of the Drawbridge bridge
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
User=postgres
Group=postgres
ExecStart=/opt/drawbridge/start-postgres.sh
ExecStop=/usr/lib/postgresql/$major/bin/pg_ctl stop -D /var/lib/drawbridge/pgdata -m fast -w -t 60
# 1: nothing runs. The agent, which carries WAL away, has ended before: what is not archived yet is at the next boot.
SuccessExitStatus=1
TimeoutStopSec=90
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
EOS
}

install_agent_service() {
  cat > /etc/systemd/system/drawbridge-agent.service << EOS
[Unit]
Description=Drawbridge agent: restores, follows and promotes the local PostgreSQL
After=network-online.target drawbridge-postgres.service
Wants=network-online.target drawbridge-postgres.service
StartLimitIntervalSec=0

[Service]
User=postgres
Group=postgres
WorkingDirectory=/opt/drawbridge
Environment=NODE_ENV=production NODE_EXTRA_CA_CERTS=/etc/drawbridge/ca.pem
ExecStart=/usr/bin/node /opt/drawbridge/bin/main.mjs agent --directory /var/lib/drawbridge --bindir /usr/lib/postgresql/$major/bin
Restart=always
RestartSec=2
# the PostgreSQL that it starts outlives it
KillMode=process
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/var/lib/drawbridge /tmp
ProtectHome=yes

[Install]
WantedBy=multi-user.target
EOS
}

install_packages
install_drawbridge
install_postgres_service
install_agent_service
systemctl daemon-reload
systemctl enable drawbridge-postgres.service drawbridge-agent.service
echo "bridge is prepared: PostgreSQL $major, $(node --version); its services start at the next boot"
