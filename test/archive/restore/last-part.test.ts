import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeBackup } from "../../../src/archive/format/list-backups.ts";
import { parseSentinel } from "../../../src/archive/format/sentinel.ts";
import { usualSegmentBytes } from "../../../src/archive/format/wal-names.ts";
import { judgeBackup } from "../../../src/archive/restore/judge-backup.ts";
import { noNames, type PartFacts } from "../../../src/archive/restore/part-facts.ts";

/** What a part of files of these sizes is known by. */
function factsOf(sizes: readonly number[], index: number): PartFacts {
  const fileBytes = sizes.reduce((sum, size) => sum + size, 0);
  const key = `part_${index}`;
  const lists = { tablespaceOids: [], laterSegments: [], largeFiles: [], hardLinks: [], leftOut: [], required: [] };
  return { key, members: sizes.length, fileBytes, names: noNames(), ...lists, kept: {} };
}

/** Files into parts as WAL-E does it: a part is closed when the next file would reach the limit. */
function pack(sizes: readonly number[], limit: number): number[][] {
  const parts: number[][] = [[]];
  let bytes = 0;
  for (const size of sizes) {
    if (bytes + size >= limit && parts.at(-1)?.length !== 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(size);
    bytes += size;
  }
  return parts;
}

/** What the judgement says of the sizes of such parts. */
function sizeProblems(parts: readonly PartFacts[], announced: number, allowShortfallBytes?: number): string[] {
  const stop = "000000010000000000000003";
  const text = JSON.stringify({ wal_segment_backup_stop: stop, expanded_size_bytes: announced });
  const backup = describeBackup(`base_${stop}_00000040`, parseSentinel(text, "key"), new Date(0), usualSegmentBytes);
  const evidence = { backup, partitions: parts, last: [], systemIdentifiers: [], allowShortfallBytes };
  return judgeBackup(evidence)
    .problems.map(({ reason }) => reason)
    .filter((reason) => /announced/.test(reason));
}

const mib = 2 ** 20;
const sizes = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 12, maxLength: 200 });

describe("the last part of a WAL-E backup", () => {
  test("is missed whatever its size, also when it is a thousandth of the whole", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1_000, max: 3_000 }), (files, limit) => {
        const parts = pack(files, limit);
        fc.pre(parts.length > 2);
        const announced = files.reduce((sum, size) => sum + size, 0);
        expect(sizeProblems(parts.map(factsOf), announced)).toEqual([]);
        expect(sizeProblems(parts.slice(0, -1).map(factsOf), announced)).toHaveLength(1);
      }),
    );
  });

  test("with room for what vanished while the backup ran, it is known to be the last one", () => {
    const parts = [[1_500 * mib], [1_500 * mib], [200 * mib]].map(factsOf);
    expect(sizeProblems(parts, 3_230 * mib)).toEqual([]);
    expect(sizeProblems([factsOf([200 * mib], 0)], 201 * mib)).toEqual([]);
  });

  test("almost full, it may have been followed by another; whoever knows better says how much may be missing", () => {
    const parts = [[1_500 * mib], [1_500 * mib], [1_490 * mib]].map(factsOf);
    expect(sizeProblems(parts, 4_520 * mib)).toEqual([expect.stringMatching(/the last part may be missing/)]);
    expect(sizeProblems(parts, 4_520 * mib, 40 * mib)).toEqual([]);
    const many = [factsOf([1_500 * mib], 0), { ...factsOf([mib], 1), members: 6144 }];
    expect(sizeProblems(many, 1_502 * mib)).toEqual([expect.stringMatching(/the last part may be missing/)]);
  });
});

describe("where a backup stopped", () => {
  const start = "000000010000000000000003";
  const describeWith = (stop: string): unknown => {
    const sentinel = parseSentinel(JSON.stringify({ wal_segment_backup_stop: stop }), "key");
    return describeBackup(`base_${start}_00000040`, sentinel, new Date(0), usualSegmentBytes);
  };
  test.each([
    ["no segment", "00000001000000000000000Z", /not a WAL segment/],
    ["a segment before the start", "000000010000000000000002", /before it started/],
    ["another timeline", "000000020000000000000003", /timeline 2/],
    ["a segment billions away, which would be looked for one by one", "00000001FFFFFFFF00000003", /impossibly far/],
  ])("%s is refused", (_what, stop, message) => {
    expect(() => describeWith(stop)).toThrow(
      expect.objectContaining({ code: "DB_ARCHIVE_INVALID", message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ["before the start", 0x3000000, /before it started/],
    ["impossibly far", 2 ** 50, /impossibly far/],
  ])("%s by WAL-G's position: refused", (_what, FinishLSN, message) => {
    const sentinel = parseSentinel(JSON.stringify({ LSN: 0x3000028, FinishLSN }), "key");
    expect(() => describeBackup(`base_${start}`, sentinel, new Date(0), usualSegmentBytes)).toThrow(message);
  });

  test("the next log is behind this one, however small segments are", () => {
    expect(describeWith("000000010000000100000000")).toMatchObject({ stopSegment: "000000010000000100000000" });
  });
});
