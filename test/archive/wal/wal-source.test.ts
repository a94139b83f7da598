import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SegmentExpectation } from "../../../src/archive/format/segment-check.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { type DecodePool, openDecodePool } from "../../../src/archive/wal/decode-pool.ts";
import { listSegments } from "../../../src/archive/wal/survey-wal.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { archiveFolder } from "../../support/archives.ts";
import {
  makeSegment,
  memoryStore,
  nameOf,
  segmentBytes,
  sysid,
  type MemoryStore,
  type StoreFault,
} from "./made-wal.ts";

let dir = "";
let pool: DecodePool;

beforeAll(async () => {
  dir = await mkdtemp("/tmp/drawbridge-wal-");
  pool = openDecodePool(1);
});
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const lzop = (bytes: Buffer): Buffer => execFileSync("lzop", ["-c"], { input: bytes, maxBuffer: 2 ** 26 });
const name = nameOf(1);
let files = 0;

function open(
  store: MemoryStore | ReturnType<typeof folderStore>,
  expected: SegmentExpectation = { systemIdentifier: sysid },
): WalSource {
  return new WalSource({ store, expected: () => expected, pool });
}

const freshPath = (): string => join(dir, `file-${(files += 1)}`);

describe("fetching WAL", () => {
  test.each([
    ["lzo", lzop(makeSegment(1))],
    ["zst", zstdCompressSync(makeSegment(1))],
    [undefined, makeSegment(1)],
  ])("a whole segment arrives under its name (extension %s)", async (extension, bytes) => {
    const source = open(memoryStore({ [extension === undefined ? name : `${name}.${extension}`]: bytes }));
    const dest = freshPath();
    expect(await source.fetch(name, dest)).toMatchObject({ sizeBytes: segmentBytes, facts: { timeline: 1 } });
    expect((await readFile(dest)).equals(makeSegment(1))).toBe(true);
  });

  test("a segment that a switch ended early is whole, its zeros included", async () => {
    const source = open(memoryStore({ [name]: makeSegment(1, { pages: 5 }) }));
    expect(await source.fetch(name, freshPath())).toBeDefined();
  });

  test.each<[string, Buffer, RegExp]>([
    ["of another cluster", makeSegment(1, { systemIdentifier: 5n }), /cluster 5, not of 77/],
    ["of another place", makeSegment(9), /page address is of another/],
    ["of a later timeline", makeSegment(1, { timeline: 2 }), /of timeline 2/],
    ["that is short", makeSegment(1).subarray(0, 2 ** 19), /524288 bytes instead of 1048576/],
    ["that is too long", Buffer.concat([makeSegment(1), Buffer.alloc(8192)]), /more than 1048576 bytes/],
    ["of zeros", Buffer.alloc(2 ** 20), /no WAL \(magic 0\)/],
    ["without content", Buffer.alloc(0), /0 bytes only/],
    ["that was not written to its end", makeSegment(1, { pages: 5, torn: true }), /empty from page 5 on/],
    ["with one page of zeros", holed(makeSegment(1), 40), /page 40 is empty, but not what follows/],
    ["with a page of another segment", patched(3, makeSegment(2)), /page 3 has the page address/],
    ["with a page that is no WAL", patched(3, Buffer.alloc(2 ** 20, 1)), /page 3 is no WAL/],
    ["that is an error page", Buffer.from("<?xml version='1.0'?><Error>SlowDown</Error>"), /error page/],
  ])("a segment %s is refused by its rule and never gets its name", async (_, bytes, message) => {
    const dest = freshPath();
    const fetching = open(memoryStore({ [name]: bytes })).fetch(name, dest);
    await expect(fetching).rejects.toMatchObject({
      code: "DB_ARCHIVE_INVALID",
      message: expect.stringMatching(message),
    });
    expect(existsSync(dest)).toBe(false);
    expect((await readdir(dir)).filter((file) => file.startsWith("."))).toEqual([]);
  });

  test("the second of two segments has to be of the first one's cluster, even when nobody told which", async () => {
    const store = memoryStore({ [name]: makeSegment(1), [nameOf(2)]: makeSegment(2, { systemIdentifier: 5n }) });
    const source = open(store, {});
    await source.fetch(name, freshPath());
    await expect(source.fetch(nameOf(2), freshPath())).rejects.toThrow(/cluster 5/);
  });

  test("of two objects with one name the one that is good is taken", async () => {
    const packed = zstdCompressSync(makeSegment(1));
    const store = memoryStore({ [`${name}.lzo`]: Buffer.from("damaged"), [`${name}.zst`]: packed });
    expect(await open(store).fetch(name, freshPath())).toBeDefined();
    const other = memoryStore({ [`${name}.lzo`]: lzop(makeSegment(1)), [`${name}.zst`]: packed.subarray(0, 90) });
    expect(await open(other).fetch(name, freshPath())).toBeDefined();
  });

  test("a segment in a form that nobody reads is an error and not the end of the WAL", async () => {
    const store = memoryStore({ [`${name}.xz`]: Buffer.from("\xfd7zXZ", "latin1") });
    await expect(open(store).fetch(name, freshPath())).rejects.toThrow(/\.xz is in a form/);
  });

  test("a history file is proven too", async () => {
    const store = memoryStore({
      "00000002.history.lzo": lzop(Buffer.from("1\t0/5000098\tno recovery target specified\n")),
      "00000003.history": Buffer.from("nonsense"),
    });
    const source = open(store);
    expect((await source.readHistory(2))?.ancestors).toEqual([{ timeline: 1, endLsn: 0x5000098n }]);
    await expect(source.readHistory(3)).rejects.toMatchObject({ code: "DB_ARCHIVE_INVALID" });
    expect(await source.readHistory(4)).toBeUndefined();
  });
});

describe("requests", () => {
  const archive = (): MemoryStore =>
    memoryStore(Object.fromEntries([1, 2, 3, 4, 5].map((number) => [nameOf(number), makeSegment(number)])));

  test("one listing serves all segments that it showed; each miss costs one more", async () => {
    const store = archive();
    const source = open(store);
    for (const number of [1, 2, 3, 4, 5]) expect(await source.fetch(nameOf(number), freshPath())).toBeDefined();
    expect(store.counts).toMatchObject({ list: 1, get: 5 });
    store.forgetCounts();
    expect(await source.fetch(nameOf(6), freshPath())).toBeUndefined();
    expect(await source.fetch("00000002.history", freshPath())).toBeUndefined();
    expect(store.counts).toMatchObject({ list: 2, get: 0 });
  });

  test("a segment that was archived after the listing is found", async () => {
    const store = archive();
    const source = open(store);
    await source.fetch(nameOf(5), freshPath());
    store.objects.set(`wal_005/${nameOf(6)}`, makeSegment(6));
    expect(await source.fetch(nameOf(6), freshPath())).toBeDefined();
  });

  test("one that was removed after the listing is missing", async () => {
    const store = archive();
    const source = open(store);
    await source.fetch(nameOf(1), freshPath());
    store.objects.delete(`wal_005/${nameOf(2)}`);
    expect(await source.fetch(nameOf(2), freshPath())).toBeUndefined();
  });

  test("a long archive is listed a thousand names at a time", async () => {
    const many = Object.fromEntries(Array.from({ length: 2_500 }, (_, at) => [nameOf(at + 1), Buffer.alloc(0)]));
    const store = memoryStore(many);
    const source = open(store);
    for (const number of [1, 500, 999, 1_000]) expect(await source.index.find(nameOf(number))).toHaveLength(1);
    expect(store.counts).toMatchObject({ list: 1, listed: 1_000 });
    expect(await source.index.find(nameOf(1_001))).toHaveLength(1);
    expect(store.counts.list).toBe(2);
  });

  test.each<[StoreFault, number]>([
    ["reset", 2],
    ["short", 2],
    ["503", 2],
  ])("a body that %s breaks is asked for again", async (fault, times) => {
    const store = archive();
    store.fail(nameOf(1), fault, times);
    expect(await open(store).fetch(nameOf(1), freshPath())).toBeDefined();
    expect(store.counts.get).toBe(times + 1);
  });

  test.each<[StoreFault, string]>([
    ["403", "DB_ARCHIVE_ACCESS"],
    ["expired", "DB_ARCHIVE_ACCESS"],
    ["503", "DB_CONNECTION"],
    ["short", "DB_CONNECTION"],
  ])("%s that lasts is %s and never a missing file", async (fault, code) => {
    const store = archive();
    store.fail(nameOf(1), fault);
    await expect(open(store).fetch(nameOf(1), freshPath())).rejects.toMatchObject({ code });
    store.heal();
    store.fail("list", fault === "short" ? "503" : fault);
    await expect(open(store).fetch(nameOf(9), freshPath())).rejects.toMatchObject({ code });
  });

  test("a kept object is served again without the archive, and fetched again when it is damaged", async () => {
    const store = archive();
    const source = open(store);
    const keepDir = join(dir, "kept");
    await mkdir(keepDir);
    await source.fetch(nameOf(1), freshPath(), { keepDir });
    store.forgetCounts();
    expect(await source.fetch(nameOf(1), freshPath(), { keepDir })).toBeDefined();
    expect(store.counts).toMatchObject({ list: 0, get: 0 });
    await rm(join(keepDir, nameOf(1)));
    execFileSync("cp", ["/dev/null", join(keepDir, nameOf(1))]);
    expect(await source.fetch(nameOf(1), freshPath(), { keepDir })).toBeDefined();
    expect(store.counts.get).toBe(1);
  });
});

describe("real archives", () => {
  test.each(["wal-e-15-heroku"])("every segment of %s passes", async (archive) => {
    const store = folderStore(join(archiveFolder(archive), "prefix"));
    const source = open(store, {});
    const names = await listSegments(store, "000000010000000000000001");
    expect(names.size).toBeGreaterThan(3);
    for (const segment of names) expect(await source.fetch(segment, freshPath())).toBeDefined();
    await rm(dir, { recursive: true });
    await mkdir(dir);
  });
});

function patched(page: number, other: Buffer): Buffer {
  const bytes = makeSegment(1);
  other.copy(bytes, page * 8192, page * 8192, (page + 1) * 8192);
  return bytes;
}

function holed(bytes: Buffer, page: number): Buffer {
  return bytes.fill(0, page * 8192, (page + 1) * 8192);
}
