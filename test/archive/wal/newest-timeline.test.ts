import { expect, test } from "vitest";
import { parseHistory } from "../../../src/archive/format/timeline-history.ts";
import { strayTimeline } from "../../../src/archive/wal/newest-timeline.ts";
import { nameOf, segmentBytes } from "./made-wal.ts";

const backup = { startSegment: nameOf(2), startLsn: BigInt(2 * segmentBytes) };
/** Histories by number, each with the timeline that it left and where. */
const histories = (forks: Readonly<Record<number, string>>): ReadonlyMap<number, ReturnType<typeof parseHistory>> =>
  new Map(
    Object.entries(forks).map(([timeline, fork]) => {
      return [Number(timeline), parseHistory(`${fork}\tx`, `${timeline.padStart(8, "0")}.history`)];
    }),
  );

test.each([
  ["there is none", {}, undefined],
  ["it left ours behind the backup's start", { 2: "1\tFF/0" }, undefined],
  ["it left ours before the backup's start", { 2: "1\t0/28" }, "timeline 2 left timeline 1 at 0/28"],
  ["an older one did, and not the newest", { 2: "1\t0/28", 3: "1\tFF/0" }, undefined],
  ["the newest did, and not an older one", { 2: "1\tFF/0", 3: "1\t0/28" }, "timeline 3 left timeline 1 at 0/28"],
  ["PostgreSQL does not come to it, as a number before it has no history", { 3: "1\t0/28" }, undefined],
  ["it comes from another one", { 2: "1\tFF/0", 3: "2\t0/28" }, "timeline 3 does not come from timeline 1"],
])("whether the newest timeline keeps a backup from recovery: %s", async (_what, forks, reason) => {
  const known = histories(forks);
  const stray = await strayTimeline(backup, (timeline) => known.get(timeline));
  if (reason === undefined) expect(stray).toBeUndefined();
  else expect(stray?.reason).toContain(reason);
});
