import { DrawbridgeError } from "../../errors.ts";
import { parseWalLsn } from "./wal-names.ts";

/** What `backup_label` says about where recovery has to start. */
export interface BackupLabel {
  readonly startLsn: bigint;
  readonly startSegment: string;
  readonly timeline: number | undefined;
}

/** Reads a `backup_label` file (format: PostgreSQL's `xlogbackup.c`). @throws DrawbridgeError `DB_ARCHIVE_INVALID`. */
export function parseBackupLabel(text: string, from: string): BackupLabel {
  const start = /^START WAL LOCATION: ([0-9A-F]+\/[0-9A-F]+) \(file ([0-9A-F]{24})\)/m.exec(text);
  if (!start?.[1] || !start[2]) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${from}: backup_label has no START WAL LOCATION`);
  }
  const timeline = /^START TIMELINE: (\d+)/m.exec(text)?.[1];
  return {
    startLsn: parseWalLsn(start[1]),
    startSegment: start[2],
    timeline: timeline === undefined ? undefined : Number(timeline),
  };
}

/** Object identifiers named in a `tablespace_map`, one line each: `<oid> <directory>`. */
export function tablespaceMapOids(text: string): string[] {
  return text
    .split("\n")
    .map((line) => /^(\d+) /.exec(line)?.[1])
    .filter((oid) => oid !== undefined);
}

/** A `tablespace_map` that leads every tablespace to its directory on this host. */
export function formatTablespaceMap(directories: ReadonlyMap<string, string>): string {
  // PostgreSQL unescapes backslash and newline here (xlogrecovery.c, read_tablespace_map)
  const escape = (path: string): string => path.replace(/[\\\n\r]/g, (char) => `\\${char}`);
  return [...directories].map(([oid, path]) => `${oid} ${escape(path)}\n`).join("");
}
