import { DrawbridgeError } from "../../errors.ts";
import type { Backup } from "../format/list-backups.ts";
import type { Problem } from "../format/list-parts.ts";
import { historyName, timelineOf, whyNotFollow, type TimelineHistory } from "../format/timeline-history.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { readIfGood } from "./wal-coverage.ts";
import { walPrefix } from "./wal-index.ts";
import { WalSource } from "./wal-source.ts";

/** Gives the history of a timeline; `undefined` when there is none. */
export type ReadHistory = (timeline: number) => Promise<TimelineHistory | undefined> | TimelineHistory | undefined;

/**
 * The history of the newest timeline after `beyond`, as PostgreSQL finds it: the one before the first number without a history
 * (`timeline.c`, findNewestTimeLine). @throws what `read` throws.
 */
export async function newestHistory(read: ReadHistory, beyond: number): Promise<TimelineHistory | undefined> {
  let newest: TimelineHistory | undefined;
  for (let timeline = beyond + 1; ; timeline += 1) {
    const history = await read(timeline);
    if (!history) return newest;
    newest = history;
  }
}

/**
 * What is wrong with the newest timeline, seen from a backup: a server that recovers along it does not start when it left the backup's
 * own before the backup began. Somebody's test server that archived into the same prefix leaves such a one.
 */
export async function strayTimeline(
  { startSegment, startLsn }: Pick<Backup, "startSegment" | "startLsn">,
  read: ReadHistory,
): Promise<Problem | undefined> {
  const ours = timelineOf(startSegment);
  const newest = await newestHistory(read, ours);
  const why = newest && whyNotFollow({ timeline: ours, replayedLsn: startLsn }, newest);
  if (newest === undefined || why === undefined) return undefined;
  const reason =
    `${why}, and PostgreSQL, which recovers along the newest timeline, would not start: ` +
    `restore from a copy of the archive without timeline ${newest.timeline}`;
  return { object: walPrefix + historyName(newest.timeline), reason };
}

/**
 * Refuses a backup that no server could recover, before anything of it is fetched.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the history; what the store throws.
 */
export async function refuseStrayTimeline(store: ObjectStore, backup: Backup, signal: AbortSignal): Promise<void> {
  await using source = new WalSource({ store, threads: 1 });
  const stray = await strayTimeline(backup, (timeline) => readIfGood(source, timeline, signal));
  if (stray) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${stray.object}: ${stray.reason}`);
}
