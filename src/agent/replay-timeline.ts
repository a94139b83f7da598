import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { whyNotFollow } from "../archive/format/timeline-history.ts";
import { parseSegmentName, parseWalLsn, walKind } from "../archive/format/wal-names.ts";
import { newestHistory } from "../archive/wal/newest-timeline.ts";
import type { WalSource } from "../archive/wal/wal-source.ts";

/** Where replay stands. */
export interface ReplayPoint {
  readonly timeline: number;
  readonly replayedLsn: bigint;
}

/**
 * The timeline of the byte that was replayed last. PostgreSQL does not tell it: the control file learns of it with the next
 * restart point only. But the segments that it has read lie in `pg_wal` under the names that it asked for; those behind the
 * replayed byte are not read yet, or old ones that wait to be written anew. Pure.
 * @param known the control file's timeline, which is never ahead
 */
export function replayTimeline(
  names: readonly string[],
  replayedLsn: bigint,
  segmentBytes: number,
  known: number,
): number {
  const last = (replayedLsn - 1n) / BigInt(segmentBytes);
  const read = names
    .filter((name) => walKind(name) === "segment")
    .map((name) => parseSegmentName(name, segmentBytes))
    .filter(({ number }) => number <= last);
  return Math.max(known, ...read.map(({ timeline }) => timeline));
}

/** {@link replayTimeline} of a data directory. `lsn` has to be read before. */
export async function readReplayPoint(
  dataDir: string,
  lsn: string,
  segmentBytes: number,
  known: number,
): Promise<ReplayPoint> {
  const replayedLsn = parseWalLsn(lsn);
  const names = await readdir(join(dataDir, "pg_wal"));
  return { timeline: replayTimeline(names, replayedLsn, segmentBytes, known), replayedLsn };
}

/** What the archive holds beyond a standby's timeline. */
export interface Onwards {
  /** The newest timeline of the archive; `undefined` when there is no newer one. */
  readonly newest: number | undefined;
  /** Why the standby cannot go on there. */
  readonly why: string | undefined;
}

/**
 * Whether a standby at `at` can go on to the archive's newest timeline beyond `beyond` (they are numbered without gaps, as
 * PostgreSQL looks for them). Where it cannot, PostgreSQL itself only logs that, and waits on the old one for ever.
 * @throws DrawbridgeError what the archive throws.
 */
export async function lookOnwards(
  source: WalSource,
  at: ReplayPoint,
  beyond: number,
  signal: AbortSignal,
): Promise<Onwards> {
  const newest = await newestHistory((timeline) => source.readHistory(timeline, { signal }), beyond);
  return { newest: newest?.timeline, why: newest && whyNotFollow(at, newest) };
}
