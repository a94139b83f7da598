import { join } from "node:path";
import { writeOwned } from "../restore/owned-file.ts";
import type { Spool } from "./wal-courier.ts";

/**
 * `restore_command` and `archive_command` for a server whose WAL is carried by a resident process. Plain `sh`: starting
 * Node for each segment would cost more than the segment. Neither ever ends with more than 125, which would stop a standby.
 */
export interface WalScripts {
  readonly restoreCommand: string;
  readonly archiveCommand: string;
}

/** Writes both scripts into `dir`, which must be one that the server's user may read, and says how to call them. */
export async function writeWalScripts(dir: string, spool: Spool): Promise<WalScripts> {
  const restore = join(dir, "restore-wal.sh");
  const archive = join(dir, "archive-wal.sh");
  await writeOwned(restore, restoreScript(spool.dir), spool.owner, 0o700);
  await writeOwned(archive, archiveScript(spool.dir), spool.owner, 0o700);
  return { restoreCommand: `sh ${quote(restore)} "%f" "%p"`, archiveCommand: `sh ${quote(archive)} "%p" "%f"` };
}

/** Quotes for sh; a percent sign would be taken by PostgreSQL, so it is doubled. */
function quote(path: string): string {
  return `'${path.replaceAll("'", `'\\''`).replaceAll("%", "%%")}'`;
}

function shellWord(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

function restoreScript(dir: string): string {
  return `#!/bin/sh
# restore_command: asks the resident agent for the file $1 and moves it to $2.
# Ends with 0 when it is there, with 1 when it is not or nobody answers; PostgreSQL then asks again.
s=${shellWord(dir)}
case "$1" in ''|*/*) exit 1 ;; esac
rm -f "$s/missing/$1"
n=0
while [ "$n" -lt 1000 ]; do
  if [ -f "$s/ready/$1" ]; then
    mv "$s/ready/$1" "$2" || exit 1
    rm -f "$s/want/$1"
    : > "$s/taken/$1"
    exit 0
  fi
  if [ -f "$s/missing/$1" ]; then
    rm -f "$s/missing/$1"
    exit 1
  fi
  [ $((n % 100)) -eq 0 ] && : > "$s/want/$1"
  n=$((n + 1))
  sleep 0.02
done
rm -f "$s/want/$1"
exit 1
`;
}

function archiveScript(dir: string): string {
  return `#!/bin/sh
# archive_command: hands the file $1 to the resident agent under the name $2 and waits until it is stored.
s=${shellWord(dir)}
case "$2" in ''|*/*) exit 1 ;; esac
rm -f "$s/done/$2"
cp "$1" "$s/outgoing/.$2" && mv "$s/outgoing/.$2" "$s/outgoing/$2" || exit 1
n=0
while [ "$n" -lt 3000 ]; do
  if [ -f "$s/done/$2" ]; then
    rm -f "$s/done/$2"
    exit 0
  fi
  n=$((n + 1))
  sleep 0.02
done
exit 1
`;
}
