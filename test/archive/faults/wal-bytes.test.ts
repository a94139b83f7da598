import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { decodeWal } from "../../../src/archive/wal/decode-job.ts";
import { asDrawbridgeError } from "../../../src/errors.ts";
import { writeLzop } from "../../support/archive-maker-lzop.ts";
import { compress, type Extension } from "../../support/archive-maker.ts";
import { errorPages } from "../../support/fault-store.ts";
import { makeSegment, nameOf, segmentBytes, sysid } from "../wal/made-wal.ts";

const timeout = 120_000;
const name = nameOf(5);
const good = makeSegment(5);
const expected = { systemIdentifier: sysid, segmentBytes };
const home = mkdtempSync("/dev/shm/drawbridge-wal-");
afterAll(() => rmSync(home, { recursive: true }));

/** Decodes an object as a courier's thread does; what PostgreSQL would get, or the refusal. */
async function served(object: Buffer, extension: Extension = "", knows = true): Promise<Buffer | string> {
  const dest = { half: join(home, ".segment"), whole: join(home, "segment") };
  rmSync(dest.whole, { force: true });
  const source = { memory: new SharedArrayBuffer(object.length), length: object.length };
  new Uint8Array(source.memory).set(object);
  try {
    decodeWal({ key: `wal_005/${name}${extension}`, name, source, dest, expected: knows ? expected : {} });
  } catch (thrown) {
    const { code, message } = asDrawbridgeError(thrown);
    expect(code).toBe("DB_ARCHIVE_INVALID");
    expect(message).toContain(name);
    expect([existsSync(dest.half), existsSync(dest.whole)]).toEqual([false, false]);
    return message;
  }
  return readFileSync(dest.whole);
}

function changed(change: (bytes: Buffer) => unknown, from = good): Buffer {
  const bytes = Buffer.from(from);
  change(bytes);
  return bytes;
}

/** Fields of a segment's first page that have to be right: place and length (`xlog_internal.h`). */
const fields = [
  ["magic", 0, 2],
  ["timeline", 4, 4],
  ["page address", 8, 8],
  ["system identifier", 24, 8],
  ["segment size", 32, 4],
  ["page size", 36, 4],
] as const;

describe("each field of a WAL segment's headers, in an object without checksums", { timeout }, () => {
  test.each(fields)("a flipped bit in %s of the first page: refused, nothing is written", async (_what, at, length) => {
    for (let place = at; place < at + length; place += 1) {
      for (const bit of [0, 5]) {
        const message = await served(changed((bytes) => (bytes[place] = (bytes[place] ?? 0) ^ (1 << bit))));
        expect(message, `byte ${place}, bit ${bit}`).toBeTypeOf("string");
      }
    }
  });

  test.each(fields.slice(0, 3))("a flipped bit in %s of a later page: refused", async (what, at, length) => {
    for (const page of [1, 64, 127]) {
      for (let place = at; place < at + length; place += 1) {
        const message = await served(
          changed((bytes) => (bytes[page * 8_192 + place] = (bytes[page * 8_192 + place] ?? 0) ^ 1)),
        );
        expect(message, `${what} of page ${page}`).toBeTypeOf("string");
      }
    }
  });

  test("a first page without its long header, or a later one with: refused", async () => {
    expect(await served(changed((bytes) => bytes.writeUInt16LE(0, 2)))).toMatch(/long header/);
    expect(await served(changed((bytes) => bytes.writeUInt16LE(2, 8_192 + 2)))).toMatch(/long header/);
  });

  test("a record's own bytes have no mark of ours: PostgreSQL proves each record by its CRC", async () => {
    const bytes = changed((copy) => (copy[5_000] = (copy[5_000] ?? 0) ^ 1));
    expect(await served(bytes)).toEqual(bytes);
  });
});

describe("a WAL segment that is another one", { timeout }, () => {
  test.each([
    ["of another cluster", makeSegment(5, { systemIdentifier: sysid + 1n }), /cluster/],
    ["under a wrong name", makeSegment(6), /page address/],
    ["of a later timeline", makeSegment(5, { timeline: 2 }), /timeline/],
    ["with zeros only", Buffer.alloc(segmentBytes), /no WAL/],
    ["short", good.subarray(0, segmentBytes - 8_192), /instead of/],
    ["short in the middle of a page", good.subarray(0, 600_000), /instead of/],
    ["shorter than its header", good.subarray(0, 20), /bytes only/],
    ["long", Buffer.concat([good, Buffer.alloc(1)]), /more than/],
    ["twice", Buffer.concat([good, good]), /more than/],
    ["empty", Buffer.alloc(0), /empty|bytes only/],
    ["never written to its end", makeSegment(5, { pages: 40, torn: true }), /switch record/],
    ["with a hole of zeros", changed((bytes) => bytes.fill(0, 3 * 8_192, 5 * 8_192)), /not what follows it/],
    ["an error page", errorPages.html, /error page/],
    ["an error of S3", errorPages.xml, /error page/],
  ])("%s: refused, nothing is written", async (_what, bytes, words) => {
    expect(await served(bytes)).toMatch(words);
  });

  test("recycled, its end left from an older segment: refused by the page addresses", async () => {
    const recycled = changed((bytes) => makeSegment(2).copy(bytes, 60 * 8_192, 60 * 8_192));
    expect(await served(recycled)).toMatch(/page address of another place/);
  });

  test("of a size that nobody told yet: learned from it, and held to", async () => {
    expect(await served(good, "", false)).toEqual(good);
    expect(await served(good.subarray(0, 500_000), "", false)).toMatch(/instead of/);
  });

  test("ended early by a switch: served whole", async () => {
    const switched = makeSegment(5, { pages: 40 });
    expect(await served(switched)).toEqual(switched);
  });
});

describe("a WAL object in each compression", { timeout }, () => {
  const extensions: Extension[] = [".lzo", ".lz4", ".zst", ".br", ".gz"];

  test.each(extensions)("%s, cut at any of forty places, or followed by garbage: refused", async (extension) => {
    const object = compress(good, extension);
    expect(await served(object, extension)).toEqual(good);
    for (let at = 0; at < 40; at += 1) {
      const cut = object.subarray(0, Math.floor((object.length * at) / 40));
      expect(await served(cut, extension), `cut at ${cut.length}`).toBeTypeOf("string");
    }
    expect(await served(object.subarray(0, -1), extension)).toBeTypeOf("string");
    expect(await served(Buffer.concat([object, Buffer.from("garbage")]), extension)).toBeTypeOf("string");
  });

  test.each(extensions)("under the name of %s, but something else: refused", async (extension) => {
    const other = extension === ".lz4" ? ".zst" : ".lz4";
    expect(await served(compress(good, other), extension)).toMatch(/first bytes say/);
  });

  test("a flipped bit in each field of .lzo: refused", async () => {
    const { bytes, fields: places } = writeLzop(good);
    for (const { name: field, start, end } of places) {
      const at = (start + end) >> 1;
      const message = await served(
        changed((copy) => (copy[at] = (copy[at] ?? 0) ^ 2), bytes),
        ".lzo",
      );
      expect(message, field).toBeTypeOf("string");
    }
  });
});

test("a segment that cannot get its name is told with the reason, and leaves nothing", () => {
  const source = { memory: new SharedArrayBuffer(good.length), length: good.length };
  new Uint8Array(source.memory).set(good);
  const dest = { half: join(home, ".half"), whole: join(home, "nowhere", name) };
  expect(() => decodeWal({ key: `wal_005/${name}`, name, source, dest, expected })).toThrow(/ENOENT.*nowhere/);
  expect(existsSync(dest.half)).toBe(false);
});
