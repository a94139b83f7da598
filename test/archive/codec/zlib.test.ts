import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip, zstdCompress } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDecoder } from "../../../src/archive/codec/decoder.ts";
import { decode, outcome } from "./decode.ts";
import { contents, cutPlaces, smallContent } from "./samples.ts";

const zstd = promisify(zstdCompress);
const brotli = promisify(brotliCompress);

const packers = {
  zstd: (content: Buffer) => zstd(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  brotli: (content: Buffer) => brotli(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }),
  gzip: promisify(gzip) as (content: Buffer) => Promise<Buffer>,
};
const kinds = ["zstd", "brotli", "gzip"] as const;

describe.for(kinds)("%s", (kind) => {
  const pack = packers[kind];

  test("whatever is packed comes out again, whatever the chunks", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(contents, cutPlaces, async (content, cuts) => {
        expect(decode(kind, await pack(content), cuts).equals(content)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test("several streams one after another are one content, wherever the chunks end", async () => {
    const [one, two] = [await pack(smallContent), await pack(Buffer.alloc(3_000_000, 8))];
    const packed = Buffer.concat([one, two, one]);
    const wanted = Buffer.concat([smallContent, Buffer.alloc(3_000_000, 8), smallContent]);
    for (const cuts of [[], [one.length], [one.length - 1], [one.length + 1, one.length + two.length]]) {
      expect(decode(kind, packed, cuts).equals(wanted)).toBe(true);
    }
  });

  test("an object that is cut is refused, at any byte", async () => {
    const packed = await pack(smallContent.subarray(200, 700));
    for (let end = 0; end < packed.length; end += 1) {
      expect(outcome(kind, packed.subarray(0, end), [end >> 1])).toBe("DB_ARCHIVE_INVALID");
    }
    const both = Buffer.concat([packed, packed]);
    expect(outcome(kind, both.subarray(0, -1))).toBe("DB_ARCHIVE_INVALID");
    expect(outcome(kind, both.subarray(0, packed.length + 2), [packed.length])).toBe("DB_ARCHIVE_INVALID");
  });

  test("garbage behind the end is refused", async () => {
    const packed = await pack(smallContent);
    for (const tail of ["x", "garbage", "<html>", "\0\0\0x"]) {
      const bad = Buffer.concat([packed, Buffer.from(tail)]);
      expect(outcome(kind, bad)).toBe("DB_ARCHIVE_INVALID");
      expect(outcome(kind, bad, [packed.length])).toBe("DB_ARCHIVE_INVALID");
    }
  });

  test("an error of whoever takes the content comes out as it is", async () => {
    const full = new Error("the disk is full");
    const decoder = createDecoder(kind, "the object", () => {
      throw full;
    });
    const whole = async (): Promise<void> => {
      decoder.push(await pack(smallContent));
      decoder.end();
    };
    await expect(whole()).rejects.toBe(full);
  });
});

test.for(["zstd", "gzip"] as const)(
  "%s: a flipped bit in any byte is refused, unless the content stays the same",
  async (kind) => {
    const packed = await packers[kind](smallContent);
    for (let at = 0; at < packed.length; at += 1) {
      const bad = Buffer.from(packed);
      bad[at] = (bad[at] ?? 0) ^ (1 << ((at * 5) & 7));
      const got = outcome(kind, bad);
      if (Buffer.isBuffer(got)) expect(got.equals(smallContent)).toBe(true);
      else expect(got).toBe("DB_ARCHIVE_INVALID");
    }
  },
);

test("brotli, which has no checksum: a flipped bit ends in an error or in some content, never in a crash", async () => {
  const packed = await packers.brotli(smallContent);
  for (let at = 0; at < packed.length; at += 1) {
    const bad = Buffer.from(packed);
    bad[at] = (bad[at] ?? 0) ^ (1 << ((at * 5) & 7));
    const got = outcome("brotli", bad);
    expect(Buffer.isBuffer(got) || got === "DB_ARCHIVE_INVALID").toBe(true);
  }
});

test("plain content passes through", async () => {
  expect(decode("none", smallContent, [1, 2, 3, 500]).equals(smallContent)).toBe(true);
  expect(decode("none", Buffer.alloc(0))).toEqual(Buffer.alloc(0));
});

test("the content of 64 MiB arrives in pieces of 1 MiB at most, in order", async () => {
  const content = Buffer.alloc(2 ** 26, "0123456789abcde");
  const packed = await packers.zstd(content);
  const hash = createHash("sha256");
  let longest = 0;
  const decoder = createDecoder("zstd", "the object", (bytes) => {
    longest = Math.max(longest, bytes.length);
    hash.update(bytes);
  });
  decoder.push(packed);
  decoder.end();
  expect(longest).toBeLessThanOrEqual(2 ** 20);
  expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
});
