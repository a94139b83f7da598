import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as zlib from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Compression } from "../../../src/archive/codec/sniff.ts";
import { decode, outcome } from "./decode.ts";
import { lz4Frame } from "./lz4-frames.ts";
import { contents, cutPlaces, filter, mutations } from "./samples.ts";

const root = resolve(import.meta.dirname, "../../..");

test("the sources compile to the codec.wasm that is committed, byte for byte", () => {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-codec-"));
  try {
    execFileSync(process.execPath, [join(root, "bin/build-codec.mjs"), folder], { stdio: "ignore" });
    for (const name of ["codec.wasm", "codec.wasm.json"]) {
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(root, "src/archive/codec", name)))).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Packed with a checksum that is good enough never to let wrong content pass here: CRC-32, xxHash. */
const packers: readonly (readonly [Compression, (content: Buffer) => Buffer])[] = [
  ["lzop", (content) => filter("lzop", ["-c", "--crc32"], content)],
  ["lzop", (content) => filter("lzop", ["-c", "-9", "--crc32"], content)],
  ["lz4", (content) => lz4Frame(content, { linked: true })],
  ["lz4", (content) => lz4Frame(content, { blockSums: true, contentSize: true, blockSize: 7 })],
  ["zstd", (content) => zlib.zstdCompressSync(content, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } })],
  ["gzip", (content) => zlib.gzipSync(content)],
];

describe("fuzzed objects give the same content or are refused", () => {
  test.for(packers)("%s (%#)", async ([kind, pack]) => {
    await fc.assert(
      fc.asyncProperty(contents, mutations, cutPlaces, async (content, mutate, cuts) => {
        const packed = pack(content);
        expect(decode(kind, packed, cuts).equals(content)).toBe(true);
        const got = outcome(kind, mutate(packed), cuts);
        if (Buffer.isBuffer(got)) expect(got.equals(content)).toBe(true);
        else expect(got).toBe("DB_ARCHIVE_INVALID");
      }),
      { numRuns: 400 },
    );
  });
});

test.for(["lzop", "lz4", "zstd", "brotli", "gzip"] as const)(
  "noise behind a right mark is refused or ends: %s",
  async (kind) => {
    const marks = { lzop: "894c5a4f000d0a1a0a1040", lz4: "04224d18", zstd: "28b52ffd", brotli: "", gzip: "1f8b08" };
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (noise) => {
        const got = outcome(kind, Buffer.concat([Buffer.from(marks[kind], "hex"), noise]));
        expect(Buffer.isBuffer(got) || got === "DB_ARCHIVE_INVALID").toBe(true);
      }),
      { numRuns: 2_000 },
    );
  },
);
