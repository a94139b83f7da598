import { join } from "node:path";
import { shellLine } from "../../archive/host/shell-word.ts";
import type { ServerUser } from "../../archive/server/server-user.ts";
import type { Configured } from "../../archive/standalone/configure.ts";
import type { RestoreMode } from "../../archive/wal/serve-restores.ts";
import { formatBytes, formatSeconds } from "./words.ts";

/** What `archive restore --json` prints. */
export interface RestoreResult {
  readonly backup: string;
  readonly prefix: string;
  readonly dataDirectory: string;
  readonly tablespaces: readonly string[];
  readonly mode: RestoreMode;
  /** Major version. */
  readonly postgresql: number;
  /** PostgreSQL's programs of that version; `null`: not on this host. */
  readonly bindir: string | null;
  /** Major versions that are here instead. */
  readonly otherVersions: readonly number[];
  readonly serverUser: string;
  readonly isOtherUser: boolean;
  readonly port: number;
  readonly socketDirectory: string;
  readonly superuser: string;
  /** Whether it takes connections from elsewhere, over TLS. */
  readonly tls: boolean;
  /** Bytes of restored files; `null` when an earlier, interrupted run had unpacked them. */
  readonly bytes: number | null;
  readonly seconds: number;
  /** Symlinks to files of the archive's host, which are not in the archive. */
  readonly leftOut: readonly string[];
  /** Words of the command that starts the server, and of one that connects. */
  readonly start: readonly string[];
  readonly connect: readonly string[];
}

/** What is to be typed next. `runuser` hands on our environment, and with it the keys to the archive. */
export function commandsOf(facts: {
  readonly into: string;
  readonly bindir: string | undefined;
  readonly user: ServerUser;
  readonly configured: Configured;
}): Pick<RestoreResult, "start" | "connect"> {
  const { into, bindir, user, configured } = facts;
  const program = (name: string): string => (bindir === undefined ? name : join(bindir, name));
  const as = user.owner === undefined ? [] : ["runuser", "-u", user.name, "--"];
  const { socketDir, port, superuser } = configured;
  return {
    start: [...as, program("pg_ctl"), "start", "-D", into, "-l", join(into, "server.log")],
    connect: ["psql", "-h", socketDir, "-p", String(port), "-U", superuser, "-d", "postgres"],
  };
}

const ends: Readonly<Record<RestoreMode, string>> = {
  "recover-to-end":
    "It replays all WAL of the archive, then opens for writes on a timeline of its own. Should WAL be missing in the\n" +
    "middle, or the archive be out of reach, it stops instead; server.log says why, and starting it again goes on.",
  standby: "It stays read-only and follows the archive, until `pg_ctl promote`.",
};

/** What the person reads at the end: what was done, and what to type. Pure. */
export function restoredText(result: RestoreResult): string {
  const size = result.bytes === null ? "" : `, ${formatBytes(result.bytes)}`;
  return [
    `Restored ${result.backup}${size} in ${formatSeconds(result.seconds)}: PostgreSQL ${result.postgresql} in ${result.dataDirectory}.`,
    ...result.tablespaces.map((path) => `A tablespace is in ${path}.`),
    ...result.leftOut.map((what) => `Left out, since it led to a file that is not in the archive: ${what}.`),
    ...(result.bindir === null ? [programsHint(result)] : []),
    "",
    "Start it:",
    `  ${shellLine(result.start)}`,
    ends[result.mode],
    ...(result.prefix.startsWith("s3:")
      ? ["It fetches WAL with the AWS keys of the environment in which you start it; none are stored."]
      : []),
    "",
    `Connect, as ${result.isOtherUser ? "root or " : ""}${result.serverUser}, without a password:`,
    `  ${shellLine(result.connect)}`,
    result.tls
      ? "Everyone else needs a password: on localhost, and from elsewhere over TLS only."
      : "Everyone else needs a password, and comes in from localhost only: there is no TLS (--tls-certificate, --tls-key).",
    "postgresql.conf and pg_hba.conf are yours to change; the archive's own lie beside them as *.from-archive, where it had any.",
  ].join("\n");
}

function programsHint({ postgresql, otherVersions }: RestoreResult): string {
  const others = otherVersions.length === 0 ? "" : ` (here is ${otherVersions.join(", ")})`;
  return (
    `PostgreSQL ${postgresql} is not on this host${others}: install it first (Debian, Ubuntu: postgresql-${postgresql}), ` +
    "and set DRAWBRIDGE_PG_BINDIR where it lies elsewhere."
  );
}
