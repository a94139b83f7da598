import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { leaseCodec, releaseCodec } from "../../../src/archive/codec/wasm.ts";
import { xxh32 } from "./lz4-frames.ts";

const root = resolve(import.meta.dirname, "../../..");
const read = (name: string): Buffer => readFileSync(resolve(root, "src/archive/codec", name));

test("codec.wasm was compiled from the sources that lie beside it (else: node bin/build-codec.mjs)", () => {
  const facts: unknown = JSON.parse(read("codec.wasm.json").toString());
  const sources = execFileSync(process.execPath, [resolve(root, "bin/build-codec.mjs"), "--hash"], {
    encoding: "utf8",
  });
  const wasm = createHash("sha256").update(read("codec.wasm")).digest("hex");
  expect(facts).toMatchObject({ sources: sources.trim(), wasm });
});

/** Adler-32 after RFC 1950, byte by byte. */
function adler32(bytes: Uint8Array, start = 1): number {
  let [a, b] = [start & 0xffff, start >>> 16];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}

test("Adler-32 and xxHash-32 are what their definitions say, at any length and in pieces", () => {
  const codec = leaseCodec();
  codec.reserve(100_000, 0);
  const { code, inputAt } = codec;
  const fills = fc.tuple(fc.oneof(fc.nat(70), fc.nat(9_000), fc.constant(65_536)), fc.nat(255), fc.boolean());
  fc.assert(
    fc.property(fills, fc.nat(), ([length, seed, high], cut) => {
      const bytes = Buffer.alloc(length);
      for (let i = 0; i < length; i += 1) bytes[i] = high ? 255 : (i * seed) ^ (i >> 5);
      codec.view(inputAt, length).set(bytes);
      const at = length === 0 ? 0 : cut % length;
      const first = code.adler32(1, inputAt, at);
      expect(code.adler32(first, inputAt + at, length - at) >>> 0).toBe(adler32(bytes));
      code.xxh32Start();
      code.xxh32Add(inputAt, at);
      const alone = code.xxh32(inputAt, length) >>> 0; // beside the one that goes on
      code.xxh32Add(inputAt + at, length - at);
      expect([alone, code.xxh32Result() >>> 0]).toEqual([xxh32(bytes), xxh32(bytes)]);
    }),
    { numRuns: 200, examples: [[[65_536, 0, true], 2_048]] },
  );
  releaseCodec(codec);
});

test("a codec is used again, unless its memory grew beyond what usual blocks need", () => {
  const one = leaseCodec();
  const other = leaseCodec();
  expect(other).not.toBe(one);
  releaseCodec(one);
  expect(leaseCodec()).toBe(one);
  other.reserve(2 ** 25, 2 ** 25);
  releaseCodec(other);
  expect(leaseCodec()).not.toBe(other);
});
