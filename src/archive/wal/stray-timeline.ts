import { DrawbridgeError } from "../../errors.ts";
import type { Backup } from "../format/list-backups.ts";
import type { Problem } from "../format/list-parts.ts";
import { historyName, timelineOf, whyNotFollow, type TimelineHistory } from "../format/timeline-history.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { walPrefix } from "./wal-index.ts";
import { WalSource } from "./wal-source.ts";

/**
 * What is wrong with the newest timeline of an archive, seen from a backup: a server that recovers takes for the newest what comes before the
 * first number without a history (`timeline.c`, findNewestTimeLine), and does not start when that one left the backup's own before it
 * began. Somebody's test server that archived into the same prefix leaves such a one. Pure.
 */
export function strayTimeline(
  { startSegment, startLsn }: Pick<Backup, "startSegment" | "startLsn">,
  histories: readonly TimelineHistory[],
): Problem | undefined {
  const ours = timelineOf(startSegment);
  const byNumber = new Map(histories.map((history) => [history.timeline, history]));
  let newest: TimelineHistory | undefined;
  for (let next = byNumber.get(ours + 1); next; next = byNumber.get(next.timeline + 1)) newest = next;
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
  const histories: TimelineHistory[] = [];
  for (let timeline = timelineOf(backup.startSegment) + 1; ; timeline += 1) {
    const history = await source.readHistory(timeline, { signal }).catch((fault: unknown) => {
      // a damaged one leads nowhere; whoever asks for it is told
      if (fault instanceof DrawbridgeError && fault.code === "DB_ARCHIVE_INVALID") return undefined;
      throw fault;
    });
    if (!history) break;
    histories.push(history);
  }
  const stray = strayTimeline(backup, histories);
  if (stray) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${stray.object}: ${stray.reason}`);
}
