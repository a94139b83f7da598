import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode, outcome } from "./decode.ts";
import { contents, cutPlaces, filter, mutations, smallContent } from "./samples.ts";

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "drawbridge-lzop-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ways = [
  [],
  ["-1"],
  ["-3"],
  ["-6"],
  ["-7"],
  ["-9"],
  ["-F"],
  ["--crc32"],
  ["-CC"],
  ["-9", "-F"],
  ["-1", "--crc32", "-C"],
];

test(
  "whatever lzop packs comes out again, at any level, with any checksums and any chunks",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.constantFrom(...ways), cutPlaces, async (content, args, cuts) => {
        const got = decode("lzop", filter("lzop", ["-c", ...args], content), cuts);
        expect(got.equals(content)).toBe(true);
      }),
      { numRuns: 40 },
    );
  },
);

test("names, paths and times in the header do not matter", async () => {
  const path = join(folder, "a name with ümläuts and spaces.tar");
  writeFileSync(path, smallContent);
  for (const args of [["-c"], ["-P", "-c"], ["-N", "-c"], ["-n", "-c"], ["--no-stdin", "-c"]]) {
    const packed = filter("lzop", [...args, path], Buffer.alloc(0));
    expect(decode("lzop", packed).equals(smallContent)).toBe(true);
  }
});

test("several lzop files one after another are one content; zeros may follow", async () => {
  const one = filter("lzop", ["-c"], smallContent);
  const two = filter("lzop", ["-9", "-c", "--crc32"], Buffer.alloc(300_000, 3));
  const empty = filter("lzop", ["-c"], Buffer.alloc(0));
  const packed = Buffer.concat([one, empty, two, one, Buffer.alloc(5_000)]);
  const wanted = Buffer.concat([smallContent, Buffer.alloc(300_000, 3), smallContent]);
  for (const cuts of [[], [one.length], [one.length + 3], [packed.length - 5_000]]) {
    expect(decode("lzop", packed, cuts).equals(wanted)).toBe(true);
  }
});

describe("an lzop object is refused", () => {
  const packed = filter("lzop", ["-c"], smallContent);

  test("when it is cut, at any byte", async () => {
    for (let end = 0; end < packed.length; end += 1) {
      expect(outcome("lzop", packed.subarray(0, end), [end >> 1])).toBe("DB_ARCHIVE_INVALID");
    }
  });

  // with CRC-32: the Adler-32 that is lzop's default misses a few of these flips, in lzop just as here
  test("when a bit of any byte is flipped, unless the content stays the same", async () => {
    const strict = filter("lzop", ["-c", "--crc32"], smallContent);
    for (let at = 0; at < strict.length; at += 1) {
      const bad = Buffer.from(strict);
      bad[at] = (bad[at] ?? 0) ^ (1 << ((at * 5) & 7));
      const got = outcome("lzop", bad);
      if (Buffer.isBuffer(got)) expect(got.equals(smallContent)).toBe(true);
      else expect(got).toBe("DB_ARCHIVE_INVALID");
    }
  });

  test("when something other than zeros or another lzop file follows", async () => {
    for (const tail of ["x", "\0x", "\0\0\0x\0", "<html>", "\x89LZO\0\r\n\x1a", "\x89LZO\0\r\n\x1a\n"]) {
      const bad = Buffer.concat([packed, Buffer.from(tail, "latin1")]);
      expect(outcome("lzop", bad)).toBe("DB_ARCHIVE_INVALID");
      expect(outcome("lzop", bad, [packed.length, packed.length + 1])).toBe("DB_ARCHIVE_INVALID");
    }
  });

  test("when a block claims more than 64 MiB, or more packed bytes than content", async () => {
    const blockAt = packed.indexOf(Buffer.from([0, 0, smallContent.length >> 8, smallContent.length & 0xff]));
    for (const [at, value] of [
      [blockAt, 64 * 2 ** 20 + 1],
      [blockAt, 0xffff_ffff],
      [blockAt + 4, 0],
      [blockAt + 4, smallContent.length + 1],
    ] as const) {
      const bad = Buffer.from(packed);
      bad.writeUInt32BE(value, at);
      expect(() => decode("lzop", bad)).toThrow(/the block at byte 0 of the content is damaged: it claims/);
    }
  });
});

test("the message names the object and the place in its content", async () => {
  const packed = filter("lzop", ["-c"], Buffer.concat(Array.from({ length: 1_000 }, () => smallContent)));
  const bad = Buffer.from(packed);
  bad.writeUInt8((bad.at(-9) ?? 0) ^ 1, bad.length - 9);
  expect(() => decode("lzop", bad)).toThrow(/^the object: the block at byte 1835008 of the content is damaged/);
  expect(() => decode("lzop", packed.subarray(0, 777))).toThrow("its 777 bytes are not the whole of it");
});

test(
  "a damaged object is refused where lzop refuses it, and else decodes to what lzop makes of it",
  { timeout: 120_000 },
  async () => {
    const packed = [["-1"], ["-9"], ["-F"]].map((args) => filter("lzop", ["-c", ...args], smallContent));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...packed), mutations, async (whole, mutate) => {
        const bad = mutate(whole);
        const lzop = spawnSync("lzop", ["-dc"], { input: bad });
        const got = outcome("lzop", bad);
        if (lzop.status === 0) expect(Buffer.isBuffer(got) && got.equals(lzop.stdout)).toBe(true);
        else expect(got).toBe("DB_ARCHIVE_INVALID");
      }),
      { numRuns: 80 },
    );
  },
);

test("a file by the real wal-e decodes to what lzop makes of it", async () => {
  const path = "../../fixtures/archives/wal-e-15-heroku/prefix/wal_005/000000010000000000000001.lzo";
  const packed = readFileSync(join(import.meta.dirname, path));
  expect(decode("lzop", packed, [8, 100_000]).equals(filter("lzop", ["-dc"], packed))).toBe(true);
});
