import type { Backup } from "../format/list-backups.ts";
import type { Problem } from "../format/list-parts.ts";
import { walKind } from "../format/wal-names.ts";
import { checkBaseBackup, type CheckedBackup } from "../restore/check-backup.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { strayTimeline } from "../wal/newest-timeline.ts";
import { verifyWal, type WalFinding } from "../wal/verify-wal.ts";
import { coverageOf, listedHistory, readWalListing } from "../wal/wal-coverage.ts";
import { walPrefix } from "../wal/wal-index.ts";
import { WalSource } from "../wal/wal-source.ts";

/** Something that is wrong: where, by which rule, and what was found. */
export interface Finding {
  readonly object: string;
  readonly rule: "backup" | "part" | "wal-missing" | "wal-content" | "history";
  readonly detail: string;
}

/** What was read, and all that is wrong with it. Without findings the backup restores, up to the archive's end. */
export interface CheckedArchive {
  readonly findings: readonly Finding[];
  readonly base: CheckedBackup;
  readonly walFiles: number;
  /** The last one that a recovery comes to. */
  readonly lastSegment: string | undefined;
}

/** What is checked how, and who is told where the check is. */
export interface ArchiveCheck {
  readonly backup: Backup;
  readonly segmentBytes: number;
  /** Bytes of files that may be missing; see `restoreBaseBackup`. */
  readonly allowShortfallBytes: number | undefined;
  readonly signal: AbortSignal;
  readonly onBase: (bytesDone: number, bytesTotal: number | undefined, note: string) => void;
  readonly onWal: (filesDone: number, segmentsTotal: number) => void;
}

/**
 * Reads all that a restore of the backup to the archive's end would read, and writes nothing.
 * @throws DrawbridgeError what the store throws: then the check could not be done.
 */
export async function checkArchive(store: ObjectStore, check: ArchiveCheck): Promise<CheckedArchive> {
  const { backup, segmentBytes, allowShortfallBytes, signal } = check;
  const base = await checkBaseBackup({
    store,
    backup,
    allowShortfallBytes,
    signal,
    onProgress: ({ bytesDone, bytesTotal, partsDone, partsTotal }) =>
      check.onBase(bytesDone, bytesTotal, `part ${partsDone} of ${partsTotal}`),
  });
  const listing = await readWalListing(store, backup.startSegment, signal);
  const { missing, newest } = coverageOf(backup.startSegment, listing, segmentBytes);
  const stray = await strayTimeline(backup, (timeline) => listedHistory(listing, timeline));
  const findings: Finding[] = [
    ...base.problems.map((problem) =>
      findingOf(problem, problem.object.includes("/tar_partitions/") ? "part" : "backup"),
    ),
    ...missing.map((name) => findingOf({ object: walPrefix + name, reason: "it is missing" }, "wal-missing")),
    ...(stray ? [findingOf(stray, "history")] : []),
  ];
  const wrong: WalFinding[] = [];
  let read = 0;
  await using source = new WalSource({ store, expected: () => ({ systemIdentifier: base.systemIdentifier }) });
  const walFiles = await verifyWal(source, {
    first: backup.startSegment,
    onFinding: (finding) => wrong.push(finding),
    onRead: () => check.onWal((read += 1), listing.segments.size),
    signal,
  });
  for (const { key, name, message } of wrong.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    findings.push(findingOf({ object: key, reason: message }, walKind(name) === "history" ? "history" : "wal-content"));
  }
  return { findings, base, walFiles, lastSegment: newest?.name };
}

function findingOf({ object, reason }: Problem, rule: Finding["rule"]): Finding {
  return { object, rule, detail: reason };
}
