/** What one tar partition held: enough to judge the whole backup without looking at the disk. Goes into the journal as JSON. */
export interface PartFacts {
  key: string;
  members: number;
  /** Sum of the sizes of all files, those included that are not restored. */
  fileBytes: number;
  tablespaceOids: string[];
  /** Names like `base/1/16384.1`, whose predecessor has to exist. */
  laterSegments: string[];
  /** Relation files large enough to be such a predecessor. */
  largeFiles: string[];
  hardLinks: { name: string; target: string }[];
  /** Symlinks that were not made and what they led to, files of the archive's host: `postgresql.conf (to /etc/postgresql.conf)`. */
  leftOut: string[];
  /** Which of {@link requiredNames} were there. */
  required: string[];
  /** Of the names of all members. */
  names: NameSum;
  /** Content of the few files that say what this backup is, base64. */
  kept: Record<string, string>;
}

/** A set of names told by count and two sums of 32 bits, whatever their order. */
export interface NameSum {
  count: number;
  low: number;
  high: number;
}

/** Must come out of the archive: generated ones would be empty, which is wrong content. `pg_xact` was `pg_clog` before 10. */
export const requiredNames: ReadonlySet<string> = new Set([
  "PG_VERSION",
  "base/1/PG_VERSION",
  "global/pg_control",
  "global/pg_filenode.map",
  "pg_xact",
]);

/** Files whose content is judged; larger ones than this many bytes are not what they claim to be. */
export const keptFiles: ReadonlyMap<string, number> = new Map([
  ["PG_VERSION", 64],
  ["global/pg_control", 65_536],
  ["backup_label", 65_536],
  ["tablespace_map", 1_048_576],
]);

/** A relation's file that may have a successor is 1 GiB long; less when it was truncated during the backup. */
export const largeFileBytes = 64 * 1024 * 1024;

/** An empty sum of names. */
export function noNames(): NameSum {
  return { count: 0, low: 0, high: 0 };
}

/** Adds one (clean) name to a sum. Not against forgery: it finds what was lost. */
export function addName(sum: NameSum, name: string): void {
  let low = 0x811c9dc5;
  let high = 0x2f0b4f39;
  for (let at = 0; at < name.length; at += 1) {
    const unit = name.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x5bd1e995);
    high ^= high >>> 15;
  }
  sum.count += 1;
  sum.low = (sum.low + (low >>> 0)) % 2 ** 32;
  sum.high = (sum.high + (high >>> 0)) % 2 ** 32;
}
