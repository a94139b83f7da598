import { DrawbridgeError } from "../../errors.ts";
import type { Backup, UnreadableBackup } from "./list-backups.ts";
import { whyWalIsShort } from "./missing-wal.ts";

/** What {@link chooseBackup} decides upon. */
export interface BackupChoice {
  readonly backups: readonly Backup[];
  /** Those that cannot be chosen for want of a readable sentinel. */
  readonly unreadable?: readonly UnreadableBackup[] | undefined;
  /** `LATEST`, or the name of one backup. */
  readonly wanted: string;
  /** Names of the WAL segments in the archive. */
  readonly segments: ReadonlySet<string>;
  readonly segmentBytes: number;
  /** The source's; a backup that says another is refused. */
  readonly systemIdentifier?: bigint | undefined;
  /** For `LATEST`: take the newest that can be restored, instead of refusing when the newest of all cannot. */
  readonly skipRefused?: boolean | undefined;
}

/**
 * The backup to restore: the one that is named, or the one with the greatest timeline and start, whatever the clocks say. Pure.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that says of each backup why it will not do.
 */
export function chooseBackup(choice: BackupChoice): Backup {
  const isLatest = choice.wanted === "LATEST";
  const named = isLatest ? choice.backups : choice.backups.filter((b) => b.name === choice.wanted);
  const unreadable = (choice.unreadable ?? []).filter(({ name }) => isLatest || name === choice.wanted);
  if (named.length === 0 && unreadable.length === 0) {
    const what = isLatest ? "no completed base backup" : `no base backup ${choice.wanted}`;
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `the archive holds ${what}`);
  }
  const newestFirst = named.toSorted((a, b) => b.timeline - a.timeline || (a.startLsn < b.startLsn ? 1 : -1));
  const refusals: string[] = [];
  for (const backup of choice.skipRefused === true ? newestFirst : newestFirst.slice(0, 1)) {
    const refusal = whyNot(backup, choice);
    if (refusal === undefined) return backup;
    refusals.push(`${backup.name}: ${refusal}`);
  }
  // an old one with a damaged sentinel says nothing of the others
  refusals.push(...unreadable.map(({ name, reason }) => `${name}: ${reason}`));
  throw new DrawbridgeError("DB_ARCHIVE_INVALID", `no base backup can be restored. ${refusals.join("; ")}`);
}

function whyNot(backup: Backup, choice: BackupChoice): string | undefined {
  if (backup.refusal !== undefined) return backup.refusal;
  const theirs = backup.sentinel.systemIdentifier;
  if (choice.systemIdentifier !== undefined && theirs !== undefined && theirs !== choice.systemIdentifier) {
    return `it is of cluster ${theirs}, the source is ${choice.systemIdentifier}`;
  }
  return whyWalIsShort(backup, choice.segments, choice.segmentBytes);
}
