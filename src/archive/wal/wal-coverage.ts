import { DrawbridgeError } from "../../errors.ts";
import {
  forkLsn,
  isDescendant,
  timelineOf,
  timelineOfSegment,
  type TimelineHistory,
} from "../format/timeline-history.ts";
import { parseSegmentName, segmentName, walKind } from "../format/wal-names.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { isReadable, listWal } from "./wal-index.ts";
import { WalSource } from "./wal-source.ts";

/** How far the WAL behind a base backup reaches. */
export interface WalCoverage {
  /** Segments that recovery would ask for and not find, although WAL goes on behind them: the first thousand, in order. */
  readonly missing: readonly string[];
  /** Segments that recovery would read, up to the hole or the end. */
  readonly count: number;
  /** The last one of them; `undefined` when the backup's own first segment is missing. */
  readonly newest: { readonly name: string; readonly lastModified: Date } | undefined;
  /** The timeline that recovery would end on, were there no hole. */
  readonly timeline: number;
}

/** What a listing has shown, as {@link coverageOf} needs it. */
export interface WalListing {
  /** When each segment was stored, by name. */
  readonly segments: ReadonlyMap<string, Date>;
  readonly histories: readonly TimelineHistory[];
}

/** The history of `timeline` among those that were listed. Pure. */
export function listedHistory({ histories }: WalListing, timeline: number): TimelineHistory | undefined {
  return histories.find((history) => history.timeline === timeline);
}

/**
 * Lists the WAL of an archive from segment `first` on, and reads all histories. One that is damaged is left out: a recovery
 * could not follow it either, and a check of its content says so.
 * @throws DrawbridgeError what the store throws.
 */
export async function readWalListing(store: ObjectStore, first: string, signal?: AbortSignal): Promise<WalListing> {
  const segments = new Map<string, Date>();
  const histories: TimelineHistory[] = [];
  await using source = new WalSource({ store, threads: 1 });
  for await (const { name, objects } of listWal(store, first, signal)) {
    const kind = walKind(name);
    const object = objects.find(isReadable);
    if (kind === "segment" && object) segments.set(name, object.lastModified);
    const history = kind === "history" ? await readIfGood(source, timelineOf(name), signal) : undefined;
    if (history) histories.push(history);
  }
  return { segments, histories };
}

/** A history that is there and whole: one that is damaged leads nowhere. @throws what the store throws. */
export async function readIfGood(
  source: WalSource,
  timeline: number,
  signal: AbortSignal | undefined,
): Promise<TimelineHistory | undefined> {
  try {
    return await source.readHistory(timeline, { signal });
  } catch (cause) {
    if (cause instanceof DrawbridgeError && cause.code === "DB_ARCHIVE_INVALID") return undefined;
    throw cause;
  }
}

/** So many missing segments are told; one more says nothing new. */
const mostMissing = 1_000;

/** Follows what is listed from `startSegment` as recovery to the latest timeline does, through forks, by one walk. Pure. */
export function coverageOf(
  startSegment: string,
  { segments, histories }: WalListing,
  segmentBytes: number,
): WalCoverage {
  const start = parseSegmentName(startSegment, segmentBytes);
  const alone: TimelineHistory = { timeline: start.timeline, ancestors: [] };
  const way = histories
    .filter((history) => isDescendant(history, start.timeline))
    .reduce((best, one) => (one.timeline > best.timeline ? one : best), alone);
  const nameAt = (number: bigint): string => {
    return segmentName({ timeline: timelineOfSegment(way, number, segmentBytes), number }, segmentBytes);
  };
  // a history without a segment of its own leads on all the same
  const parent = way.ancestors.at(-1);
  const fork = parent && forkLsn(way, parent.timeline);
  let end = fork === undefined ? start.number : fork / BigInt(segmentBytes);
  for (const name of segments.keys()) {
    const { number } = parseSegmentName(name, segmentBytes);
    if (number > end && nameAt(number) === name) end = number;
  }
  const missing: string[] = [];
  let newest: WalCoverage["newest"];
  let count = 0;
  for (let number = start.number; number <= end && missing.length < mostMissing; number += 1n) {
    const name = nameAt(number);
    const lastModified = segments.get(name);
    if (lastModified === undefined) missing.push(name);
    if (lastModified === undefined || missing.length > 0) continue;
    newest = { name, lastModified };
    count += 1;
  }
  return { missing, count, newest, timeline: way.timeline };
}
