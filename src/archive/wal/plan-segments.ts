import { isDescendant, timelineOfSegment, type TimelineHistory } from "../format/timeline-history.ts";
import { parseSegmentName, segmentName } from "../format/wal-names.ts";

/**
 * The segments that PostgreSQL will ask for after `name`, at most `count`: along its timeline, and at forks over to the
 * newest timeline that comes from it. Pure.
 */
export function segmentsAfter(
  name: string,
  count: number,
  segmentBytes: number,
  histories: readonly TimelineHistory[],
): string[] {
  const names: string[] = [];
  let { timeline, number } = parseSegmentName(name, segmentBytes);
  for (let left = count; left > 0; left -= 1) {
    timeline = timelineAfter(timeline, number, segmentBytes, histories);
    number += 1n;
    names.push(segmentName({ timeline, number }, segmentBytes));
  }
  return names;
}

function timelineAfter(
  timeline: number,
  number: bigint,
  segmentBytes: number,
  histories: readonly TimelineHistory[],
): number {
  const newest = histories
    .filter((history) => isDescendant(history, timeline))
    .reduce<TimelineHistory | undefined>((best, one) => (best && best.timeline > one.timeline ? best : one), undefined);
  if (!newest) return timeline;
  // a server that takes a timeline's segments beyond the fork does not follow the newer one (recovery_target_timeline)
  const isFollowed = [number, number - 1n].some((at) => timelineOfSegment(newest, at, segmentBytes) === timeline);
  return isFollowed ? timelineOfSegment(newest, number + 1n, segmentBytes) : timeline;
}
