import { DrawbridgeError } from "../../errors.ts";
import { parseWalLsn } from "./wal-names.ts";

/** What `backup_label` says about where recovery has to start. */
export interface BackupLabel {
  readonly startLsn: bigint;
  readonly startSegment: string;
  readonly timeline: number | undefined;
}

/**
 * Reads a `backup_label` file (format: PostgreSQL's `xlogbackup.c`), as strictly as it is written. PostgreSQL itself passes
 * over a method or origin that it does not know, and would then open the cluster before the backup's end is replayed.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID`.
 */
export function parseBackupLabel(text: string, from: string): BackupLabel {
  const damaged = (what: string): DrawbridgeError =>
    new DrawbridgeError("DB_ARCHIVE_INVALID", `${from}: backup_label ${what}`);
  const start = /^START WAL LOCATION: ([0-9A-F]{1,8}\/[0-9A-F]{1,8}) \(file ([0-9A-F]{24})\)\n/.exec(text);
  if (!start?.[1] || !start[2]) throw damaged("has no START WAL LOCATION");
  const checkpoint = /^CHECKPOINT LOCATION: ([0-9A-F]{1,8}\/[0-9A-F]{1,8})$/m.exec(text)?.[1];
  if (checkpoint === undefined) throw damaged("has no CHECKPOINT LOCATION");
  if (parseWalLsn(checkpoint) < parseWalLsn(start[1])) throw damaged("has a checkpoint before its start");
  if (!/^BACKUP METHOD: (?:streamed|pg_start_backup)$/m.test(text)) throw damaged("has no BACKUP METHOD");
  // before version 14 a primary was called master
  if (!/^BACKUP FROM: (?:primary|master|standby)$/m.test(text)) throw damaged("has no BACKUP FROM");
  const timeline = /^START TIMELINE: (\d+)$/m.exec(text)?.[1];
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

/** Where a `backup_label` was found. */
export interface LabelSources {
  /** WAL-G's `backup_label.tar`, written after all else. */
  readonly ownPart: string | undefined;
  /** Heroku's archive has it in the sentinel. */
  readonly sentinel: string | undefined;
  /** WAL-E's exclusive backup leaves it among the other files; a stale one may lie there as well. */
  readonly partitions: readonly string[];
}

/** Which backup a label has to be of. */
export interface LabelExpectation {
  readonly name: string;
  readonly timeline: number;
  readonly startSegment: string;
  readonly startLsn: bigint;
}

/**
 * The one `backup_label` that counts: the one written for this backup wins over a stray file of the data directory. It has
 * to fit the backup's name: with a wrong one PostgreSQL would recover from the wrong place without a word. Pure.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when there is none or it is of another backup.
 */
export function chooseLabel(sources: LabelSources, expected: LabelExpectation): string {
  const chosen = sources.ownPart ?? sources.sentinel ?? sources.partitions.at(-1);
  if (chosen === undefined)
    throw invalid(expected, "backup_label is neither in the sentinel nor in its parts, and cannot be made up");
  const label = parseBackupLabel(chosen, expected.name);
  if (label.startSegment !== expected.startSegment || label.startLsn !== expected.startLsn)
    throw invalid(expected, `backup_label is of another backup, which starts in ${label.startSegment}`);
  if (label.timeline !== undefined && label.timeline !== expected.timeline)
    throw invalid(expected, `backup_label is of timeline ${label.timeline}`);
  return chosen;
}

function invalid(expected: LabelExpectation, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `${expected.name}: ${what}`);
}
