import fc from "fast-check";
import { expect, test } from "vitest";
import { SegmentCheck } from "../../../src/archive/format/segment-check.ts";
import { explain } from "../../../src/errors.ts";
import { makeSegment, nameOf, segmentBytes, sysid } from "../wal/made-wal.ts";

const pageBytes = 8_192;
const whole = makeSegment(5);
const contents: Readonly<Record<string, Buffer>> = {
  whole,
  short: whole.subarray(0, -100),
  long: Buffer.concat([whole, Buffer.alloc(3)]),
  "with a hole": Buffer.from(whole).fill(0, 7 * pageBytes, 9 * pageBytes),
  "empty from page 9 on": Buffer.from(whole).fill(0, 9 * pageBytes),
  "of another place in page 100": Buffer.from(whole).fill(1, 100 * pageBytes + 8, 100 * pageBytes + 16),
  "of another place by the lower half of page 100's address": withByte(100 * pageBytes + 11, 0x7f),
  "of another place by the upper half of page 100's address": withByte(100 * pageBytes + 12, 0x7f),
};

function withByte(at: number, value: number): Buffer {
  return Buffer.from(whole).fill(value, at, at + 1);
}

function verdictOn(pieces: readonly Buffer[]): string {
  const check = new SegmentCheck(nameOf(5), { systemIdentifier: sysid, segmentBytes });
  try {
    for (const piece of pieces) check.push(piece);
    return `good: ${check.end().startLsn}`;
  } catch (fault) {
    return explain(fault);
  }
}

test.each(Object.keys(contents))("a segment that is %s is judged the same in pieces of any size", (what) => {
  const content = contents[what] ?? whole;
  const atOnce = verdictOn([content]);
  expect(atOnce.startsWith("good")).toBe(what === "whole");
  const cuts = fc.array(fc.nat({ max: content.length }), { maxLength: 40 });
  const nearPages = fc.array(
    fc.tuple(fc.nat({ max: Math.floor(content.length / pageBytes) }), fc.integer({ min: -30, max: 50 })),
    {
      maxLength: 40,
    },
  );
  fc.assert(
    fc.property(cuts, nearPages, (anywhere, near) => {
      const at = [0, ...anywhere, ...near.map(([page, off]) => Math.max(0, page * pageBytes + off)), content.length];
      const sorted = at.filter((place) => place <= content.length).toSorted((a, b) => a - b);
      const pieces = sorted.slice(1).map((end, before) => content.subarray(sorted[before], end));
      expect(verdictOn(pieces)).toBe(atOnce);
    }),
    { numRuns: 100 },
  );
});
