import { execFileSync, spawnSync } from "node:child_process";
import * as fc from "fast-check";

/** A stream of numbers from 0 to 2^32 - 1 that is the same for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
}

/** Noise, which no compressor shortens. */
function noise(length: number, seed: number): Buffer {
  const next = numbers(seed);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = next();
  return bytes;
}

/** Pages of 8 KiB as WAL has them: a header, records that resemble each other, zeros where nothing was written. */
function walPages(length: number, seed: number): Buffer {
  const next = numbers(seed);
  const bytes = Buffer.alloc(length);
  for (let page = 0; page < length; page += 8_192) {
    bytes.write("d110000001000000", page, "hex");
    for (let at = page + 24; at + 48 < Math.min(length, page + 8_192 - (next() % 3_000)); at += 48 + (next() % 90)) {
      bytes.writeUInt32LE(48, at);
      bytes.writeUInt32LE(700 + (at >> 9), at + 4);
      bytes.write("INSERT INTO orders", at + 12);
      bytes.writeUInt32LE(next(), at + 40);
    }
  }
  return bytes;
}

/** Few different bytes, short repetitions at many distances. */
function letters(length: number, seed: number): Buffer {
  const next = numbers(seed);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = 97 + (next() % 3);
  return bytes;
}

const makers = [
  noise,
  walPages,
  letters,
  (length: number, seed: number) => Buffer.alloc(length, seed & 0xff),
  (length: number, seed: number) => Buffer.alloc(length, noise(1 + (seed % 400), seed)),
  (length: number, seed: number) => Buffer.concat([noise(length >> 1, seed), walPages(length - (length >> 1), seed)]),
];

/** Contents of many kinds and lengths, those at the edges of a block of 256 KiB and of a window of 64 KiB among them. */
export const contents: fc.Arbitrary<Buffer> = fc
  .record({
    maker: fc.constantFrom(...makers),
    length: fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(0, 1, 65_535, 65_536, 262_143, 262_144, 262_145, 524_288) },
      { weight: 2, arbitrary: fc.nat(300) },
      { weight: 2, arbitrary: fc.nat(100_000) },
      { weight: 1, arbitrary: fc.nat(700_000) },
    ),
    seed: fc.integer({ min: 1 }),
  })
  .map(({ maker, length, seed }) => maker(length, seed));

/** Where chunks end: nowhere, at a few places, or at many places near the beginning. */
export const cutPlaces: fc.Arbitrary<number[]> = fc.oneof(
  fc.constant<number[]>([]),
  fc.array(fc.nat(200_000), { maxLength: 8 }),
  fc.constant(Array.from({ length: 120 }, (_, i) => i)),
);

/** What a program makes of `input`. */
export function filter(program: string, args: readonly string[], input: Uint8Array): Buffer {
  return execFileSync(program, args, { input, maxBuffer: 2 ** 28, stdio: ["pipe", "pipe", "pipe"] });
}

/** Whether this machine has the program. */
export function has(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
}

/** One content that has literals, short and long matches, in little space. */
export const smallContent: Buffer = Buffer.concat([
  letters(300, 5),
  noise(200, 6),
  walPages(700, 7),
  Buffer.alloc(500, 9),
  letters(300, 8),
]);

/** Damages of the kinds that happen: flipped bits, a cut, bytes put in, left out or replaced by noise, nothing right at all. */
export const mutations: fc.Arbitrary<(whole: Buffer) => Buffer> = fc
  .record({
    kind: fc.nat(6),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    some: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  })
  .map(({ kind, place, some }) => (whole) => {
    const at = Math.floor(place * (whole.length - 1));
    const [before, behind] = [whole.subarray(0, at), whole.subarray(at)];
    if (kind === 0) return Buffer.from(before);
    if (kind === 1) return Buffer.concat([before, some, behind]);
    if (kind === 2) return Buffer.concat([before, behind.subarray(some.length)]);
    if (kind === 3) return Buffer.concat([before, some, behind.subarray(some.length)]);
    if (kind === 4) return Buffer.concat([whole.subarray(0, 40), some]);
    const flipped = Buffer.from(whole);
    const flips = kind === 5 ? some.subarray(0, 1) : some;
    flips.forEach((byte, i) => {
      const where = (at + i * byte) % whole.length;
      flipped[where] = (flipped[where] ?? 0) ^ (1 << (byte & 7));
    });
    return flipped;
  });
