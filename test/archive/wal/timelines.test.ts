import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  forkLsn,
  isDescendant,
  parseHistory,
  timelineOfSegment,
  whyNotFollow,
} from "../../../src/archive/format/timeline-history.ts";
import { formatWalLsn, parseWalObject } from "../../../src/archive/format/wal-names.ts";
import { segmentsAfter } from "../../../src/archive/wal/plan-segments.ts";

const mib16 = 16 * 2 ** 20;
/** As PostgreSQL 15 wrote it. */
const third = "1\t0/5000098\tno recovery target specified\n\n2\t0/9000000\tno recovery target specified\n";
const history = parseHistory(third, "00000003.history");

describe("a history file", () => {
  test("says from which timelines its own comes, and where it left them", () => {
    expect(history.ancestors).toEqual([
      { timeline: 1, endLsn: 0x5000098n },
      { timeline: 2, endLsn: 0x9000000n },
    ]);
    expect(forkLsn(history, 2)).toBe(0x9000000n);
    expect(isDescendant(history, 1)).toBe(true);
    expect(isDescendant(history, 3)).toBe(true);
    expect(isDescendant(history, 4)).toBe(false);
  });

  test.each([
    ["", /no ancestor/],
    ["# only words\n", /no ancestor/],
    ["<?xml version='1.0'?><Error/>", /not a history file/],
    ["1 here", /not a history file/],
    ["2\t0/5\tx\n1\t0/6\tx\n", /comes after/],
    ["1\t0/9\tx\n2\t0/6\tx\n", /comes after/],
    ["3\t0/5\tx\n", /ancestor/],
  ])("%j is refused, since following it would lead astray", (text, message) => {
    expect(() => parseHistory(text, "00000003.history")).toThrow(message);
  });

  test("whatever is written down is read back", () => {
    const ends = fc.array(fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(ends, (raw) => {
        const timelines = [...new Set(raw.map(([timeline]) => timeline))].toSorted((a, b) => a - b);
        const lsns = raw.map(([, lsn]) => lsn).toSorted((a, b) => (a < b ? -1 : 1));
        const ancestors = timelines.map((timeline, at) => ({ timeline, endLsn: lsns[at] ?? 0n }));
        const text = ancestors.map((end) => `${end.timeline}\t${formatWalLsn(end.endLsn)}\treason`).join("\n");
        const name = `${(2e6).toString(16).toUpperCase().padStart(8, "0")}.history`;
        expect(parseHistory(text, name).ancestors).toEqual(ancestors);
      }),
    );
  });
});

describe("a standby follows a new timeline", () => {
  test("that forked at or after what it has replayed, and no other", () => {
    expect(whyNotFollow({ timeline: 1, replayedLsn: 0x5000098n }, history)).toBeUndefined();
    expect(whyNotFollow({ timeline: 1, replayedLsn: 0x5000099n }, history)).toMatch(/left timeline 1 at 0\/5000098/);
    expect(whyNotFollow({ timeline: 3, replayedLsn: 0x9999999n }, history)).toBeUndefined();
    expect(whyNotFollow({ timeline: 4, replayedLsn: 0n }, history)).toMatch(/does not come from/);
  });
});

describe("the segments that come next", () => {
  test("carry the new timeline from the fork's segment on, as PostgreSQL asks for them", () => {
    expect(timelineOfSegment(history, 4n, mib16)).toBe(1);
    expect(timelineOfSegment(history, 5n, mib16)).toBe(2);
    // a fork exactly between two segments
    expect(timelineOfSegment(history, 8n, mib16)).toBe(2);
    expect(timelineOfSegment(history, 9n, mib16)).toBe(3);
    expect(segmentsAfter("000000010000000000000003", 3, mib16, [history])).toEqual([
      "000000010000000000000004",
      "000000020000000000000005",
      "000000020000000000000006",
    ]);
    expect(segmentsAfter("0000000100000000000000FF", 1, mib16, [])).toEqual(["000000010000000100000000"]);
  });

  test("stay on the old timeline for a server that has passed the fork on it", () => {
    expect(segmentsAfter("000000010000000000000005", 1, mib16, [history])).toEqual(["000000020000000000000006"]);
    expect(segmentsAfter("000000010000000000000007", 1, mib16, [history])).toEqual(["000000010000000000000008"]);
  });
});

describe("an object's name", () => {
  test.each([
    ["000000010000000000000001.lzo", "000000010000000000000001", "lzo"],
    ["000000010000000000000001", "000000010000000000000001", undefined],
    ["000000010000000000000001.lz4.gpg", "000000010000000000000001", "lz4.gpg"],
    ["00000002.history.br", "00000002.history", "br"],
    ["000000010000000000000002.00000028.backup.lzo", "000000010000000000000002.00000028.backup", "lzo"],
    ["000000010000000000000005.partial.zst", "000000010000000000000005.partial", "zst"],
  ])("%s holds %s", (object, name, extension) => {
    expect(parseWalObject(object)).toEqual({ name, extension });
  });

  test.each(["000000010000000000000001.json", "000000010000000000000001_delta.lz4", "readme.txt", ""])(
    "%j holds no WAL",
    (object) => expect(parseWalObject(object)).toBeUndefined(),
  );
});
