import { join } from "node:path";
import { shellLine, shellWord } from "../host/shell-word.ts";
import { writeOwned } from "../server/owned-file.ts";
import type { RestoreMode } from "./serve-restores.ts";
import type { Spool } from "./spool.ts";

/**
 * `restore_command` and `archive_command` for a server whose WAL is carried by a resident process. Plain `sh`: starting
 * Node for each segment would cost more than the segment.
 */
export interface WalScripts {
  readonly restoreCommand: string;
  readonly archiveCommand: string;
}

/** How the commands behave. */
export interface WalScriptOptions {
  /** `standby` unless told. */
  readonly mode?: RestoreMode;
  /**
   * Program and arguments that bring `"$1"` to `"$2"` when no courier is alive; they end with 0, with
   * {@link missingStatus} for a file that is proven not to be there, and with anything else for trouble.
   */
  readonly fallback?: readonly string[];
}

/** How a fallback says "proven not to be there": Node ends with 1 for many other reasons. As wal-g does. */
export const missingStatus = 74;

/** Writes both scripts into `dir`, which must be one that the server's user may read, and says how to call them. */
export async function writeWalScripts(dir: string, spool: Spool, options: WalScriptOptions = {}): Promise<WalScripts> {
  const restore = join(dir, "restore-wal.sh");
  const archive = join(dir, "archive-wal.sh");
  await writeOwned(restore, restoreScript(spool.dir, options), spool.owner, 0o700);
  await writeOwned(archive, archiveScript(spool.dir), spool.owner, 0o700);
  // called by its own name where a missing script must not pass for the end of the WAL: `sh script` would end with 2
  const strict = options.mode === "recover-to-end";
  const run = strict ? quote(restore) : `${placed(spool.dir)} exec sh ${quote(restore)}`;
  return { restoreCommand: `${run} "%f" "%p" "%r"`, archiveCommand: `sh ${quote(archive)} "%p" "%f"` };
}

/**
 * Sends PostgreSQL, whose working directory is the data directory, to its own `pg_wal` for a segment that the courier has put there. In the
 * command itself: PostgreSQL waits for it at each segment, and on a busy machine each further process costs it milliseconds. Short:
 * before 15 the whole command must fit into 1,024 bytes.
 */
function placed(dir: string): string {
  return `s=${quote(dir)}; [ "$s/placed/%f" -ef "pg_wal/%f" ] && true >"$s/from/%r" >"$s/took/%f" && exit 1;`;
}

/** Quotes for sh; a percent sign would be taken by PostgreSQL, so it is doubled. */
function quote(path: string): string {
  return shellWord(path).replaceAll("%", "%%");
}

/**
 * The exit status decides what the server does (tried on PostgreSQL 15): 1 to 125 is "not there", which a standby takes as
 * "ask again" and a recovery to the end as the end; above that it stops. `true` and not `:`, whose failed redirection
 * would end the shell with 2.
 */
function restoreScript(dir: string, { mode = "standby", fallback }: WalScriptOptions): string {
  const strict = mode === "recover-to-end";
  const trouble = strict ? 255 : 1;
  // what `placed` says, for a segment that came there while we wait
  const inPlace = strict
    ? ""
    : `  [ "$s/placed/$1" -ef "\${2%/*}/$1" ] && { true 2>/dev/null >"$s/took/$1"; finish 1; }\n`;
  return `#!/bin/sh
# restore_command (${mode}): moves the file $1 to $2 as soon as the courier has it ready. $3: oldest file still needed.
# Ends with 0 when it is there, with 1 when it is not${strict ? ", proven; with 255 for any trouble" : " or nobody answers"}.
s=${shellWord(dir)}
trap 'exit ${trouble}' HUP INT PIPE
${strict ? `end=255\ntrap 'exit $end' EXIT\n` : ""}finish() { ${strict ? "end=$1; " : ""}exit "$1"; }
case "$1" in ''|*/*) finish ${trouble} ;; esac
case "$3" in ''|*[!0-9A-F]*) ;; *) true 2>/dev/null >"$s/from/$3" ;; esac
ready="$s/ready/$1"
take() {
${inPlace}  [ -f "$ready" ] && mv -f "$ready" "$2" && finish 0
}
take "$1" "$2"
${nobodyFunctions(fallback, trouble)}
${waitLoop(trouble, strict ? "" : '  [ "$n" -gt 600 ] && { rm -f "$want"; finish 1; }\n')}`;
}

/** `alive`: whether somebody may serve the spool. `nobody`: what is done when nobody does. */
function nobodyFunctions(fallback: readonly string[] | undefined, trouble: number): string {
  if (fallback === undefined) return `alive() { true; }\nnobody() { finish ${trouble}; }`;
  return `alive() { read -r pid start 2>/dev/null <"$s/courier.pid" && { [ -d "/proc/$pid" ] || kill -0 "$pid" 2>/dev/null; }; }
nobody() {
  ${shellLine(fallback)} "$1" "$2"
  case $? in
    0) [ -f "$2" ] && finish 0 ;;
    ${missingStatus}) finish 1 ;;
  esac
  finish ${trouble}
}`;
}

/**
 * Asks, waits in steps that grow, and asks again every two seconds. `giveUp`: a line for each round. Each step costs a process, which
 * takes time from whoever brings the segment: shorter ones made a hundred segments a twentieth slower.
 */
function waitLoop(trouble: number, giveUp: string): string {
  return `want="$s/want/$1.$$"
answer="$s/answer/$1.$$"
n=0
while :; do
  if [ $((n % 50)) -eq 0 ]; then
    alive || nobody "$1" "$2"
    # nobody has taken our last question away
    [ "$n" -gt 0 ] && [ -e "$want" ] && { rm -f "$want"; nobody "$1" "$2"; }
    true 2>/dev/null >"$want" || nobody "$1" "$2"
  fi
  take "$1" "$2"
  if [ -f "$answer" ]; then
    read -r code <"$answer"
    case "$code" in 1) finish 1 ;; *) finish ${trouble} ;; esac
  fi
  n=$((n + 1))
  if [ "$n" -lt 20 ]; then sleep 0.015; else sleep 0.05; fi
${giveUp}done
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
