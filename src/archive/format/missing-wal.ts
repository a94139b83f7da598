import type { Backup } from "./list-backups.ts";
import { segmentRange } from "./wal-names.ts";

/** So many names are told. */
const toldNames = 3;

/** How it is said that WAL files are not in the archive: `WAL is missing: 0000…03, 0000…04, 0000…05 and 2 more`. Pure. */
export function sayMissing(names: readonly string[]): string {
  const more = names.length > toldNames ? ` and ${names.length - toldNames} more` : "";
  return `WAL is missing: ${names.slice(0, toldNames).join(", ")}${more}`;
}

/** Which of the segments that a backup needs to become consistent are not among `there`; `undefined`: none. Pure. */
export function whyWalIsShort(backup: Backup, there: ReadonlySet<string>, segmentBytes: number): string | undefined {
  const missing = segmentRange(backup.startSegment, backup.stopSegment, segmentBytes).filter(
    (name) => !there.has(name),
  );
  return missing.length === 0 ? undefined : sayMissing(missing);
}
