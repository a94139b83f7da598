import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseHistory } from "../../../src/archive/format/timeline-history.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { type DecodePool, openDecodePool } from "../../../src/archive/wal/decode-pool.ts";
import { verifyWal, type WalFinding } from "../../../src/archive/wal/verify-wal.ts";
import { coverageOf, readWalListing } from "../../../src/archive/wal/wal-coverage.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { archiveFolder } from "../../support/archives.ts";
import { makeSegment, memoryStore, nameOf, segmentBytes } from "./made-wal.ts";

let pool: DecodePool;
beforeAll(() => void (pool = openDecodePool(1)));
afterAll(() => pool[Symbol.asyncDispose]());

const stored = new Date("2026-11-22T10:00:00Z");
const listed = (...names: string[]): Map<string, Date> => new Map(names.map((name) => [name, stored]));
/** Left timeline 1 in segment 3. */
const second = parseHistory(`1\t0/${(3.5 * segmentBytes).toString(16)}\tx`, "00000002.history");

describe("the WAL behind a backup", () => {
  test("reaches to the newest segment without a hole", () => {
    const segments = listed(nameOf(1), nameOf(2), nameOf(3));
    expect(coverageOf(nameOf(1), { segments, histories: [] }, segmentBytes)).toEqual({
      missing: [],
      count: 3,
      newest: { name: nameOf(3), lastModified: stored },
      timeline: 1,
    });
  });

  test("goes over to the newer timeline at the fork, whatever the old one has behind it", () => {
    const segments = listed(nameOf(2), nameOf(3), nameOf(4), nameOf(9), nameOf(3, 2), nameOf(4, 2));
    const coverage = coverageOf(nameOf(2), { segments, histories: [second] }, segmentBytes);
    expect(coverage).toMatchObject({ missing: [], count: 3, timeline: 2 });
    expect(coverage.newest?.name).toBe(nameOf(4, 2));
  });

  test.each([
    ["in the middle", listed(nameOf(1), nameOf(3)), [], [nameOf(2)], 1],
    ["at the fork", listed(nameOf(1), nameOf(2), nameOf(3), nameOf(4, 2)), [second], [nameOf(3, 2)], 2],
    ["where a history leads on to nothing", listed(nameOf(1), nameOf(2), nameOf(3)), [second], [nameOf(3, 2)], 2],
    ["at the start", listed(nameOf(2)), [], [nameOf(1)], 0],
  ])("has a hole %s, which is named", (_, segments, histories, missing, count) => {
    expect(coverageOf(nameOf(1), { segments, histories }, segmentBytes)).toMatchObject({ missing, count });
  });

  test("of 20 000 segments has each of 50 holes named, by one walk", () => {
    class CountedMap extends Map<string, Date> {
      asked = 0;
      walks = 0;
      override has(name: string): boolean {
        this.asked += 1;
        return super.has(name);
      }
      override get(name: string): Date | undefined {
        this.asked += 1;
        return super.get(name);
      }
      override keys(): MapIterator<string> {
        this.walks += 1;
        return super.keys();
      }
    }
    const segments = new CountedMap();
    const holes: string[] = [];
    for (let number = 1; number <= 20_000; number += 1) {
      if (number % 400 === 200) holes.push(nameOf(number));
      else segments.set(nameOf(number), stored);
    }
    const { missing, count, newest } = coverageOf(nameOf(1), { segments, histories: [] }, segmentBytes);
    expect(holes).toHaveLength(50);
    expect(missing).toEqual(holes);
    expect({ count, newest: newest?.name }).toEqual({ count: 199, newest: nameOf(199) });
    expect(segments.walks).toBe(1);
    expect(segments.asked).toBe(20_000);
  });

  test("with holes without end is not followed to it", () => {
    const segments = listed(nameOf(1), nameOf(500_000));
    const { missing } = coverageOf(nameOf(1), { segments, histories: [] }, segmentBytes);
    expect(missing).toHaveLength(1_000);
    expect(missing.at(-1)).toBe(nameOf(1_001));
  });

  test("is read from a real archive", async () => {
    const store = folderStore(join(archiveFolder("wal-e-15-heroku"), "prefix"));
    const first = "000000010000000000000003";
    const coverage = coverageOf(first, await readWalListing(store, first), 16 * 1024 * 1024);
    expect(coverage).toMatchObject({ missing: [], count: 3, timeline: 1 });
    expect(coverage.newest?.name).toBe("000000010000000000000005");
  });
});

describe("reading all WAL", () => {
  test("names every object that is wrong, and its rule", async () => {
    const store = memoryStore({
      [nameOf(1)]: makeSegment(1),
      [nameOf(2)]: makeSegment(2, { pages: 3, torn: true }),
      [`${nameOf(3)}.lzo`]: Buffer.from("nothing"),
      [nameOf(4)]: makeSegment(4, { systemIdentifier: 1n }),
      [`${nameOf(5)}.xz`]: Buffer.from("xz"),
      [`${nameOf(6)}.partial`]: makeSegment(6, { pages: 3, torn: true }),
      "00000002.history": Buffer.from("nothing"),
    });
    const findings: WalFinding[] = [];
    const onFinding = (finding: WalFinding): void => void findings.push(finding);
    const read = await verifyWal(new WalSource({ store, pool }), { first: nameOf(1), onFinding });
    expect(read).toBe(7);
    const sorted = findings.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    expect(sorted.map(({ name }) => name)).toEqual([
      ...[2, 3, 4, 5].map((number) => nameOf(number)),
      "00000002.history",
    ]);
    const rules = [/without a switch/, /not lzop data/, /cluster 1/, /in a form/, /not a history/];
    for (const [at, rule] of rules.entries()) expect(sorted[at]?.message).toMatch(rule);
  });

  test.each(["403", "503"] as const)("%s is an error, not a finding", async (fault) => {
    const store = memoryStore({ [nameOf(1)]: makeSegment(1), [nameOf(2)]: makeSegment(2) });
    store.fail(nameOf(2), fault);
    const findings: WalFinding[] = [];
    const reading = verifyWal(new WalSource({ store, pool }), {
      first: nameOf(1),
      onFinding: (finding) => void findings.push(finding),
    });
    await expect(reading).rejects.toMatchObject({ code: fault === "403" ? "DB_ARCHIVE_ACCESS" : "DB_CONNECTION" });
    expect(findings).toEqual([]);
  });
});
