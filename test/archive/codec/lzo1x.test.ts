import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBlock } from "./decode.ts";
import { LzoBlock } from "./lzo-instructions.ts";

/** `count` bytes that do not repeat within 256. */
function bytes(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7 + from + (i >> 8)) & 0xff);
}

function expectContent(block: LzoBlock): void {
  const got = decodeBlock("lzo", block.finish(), block.content.length);
  if (!Buffer.isBuffer(got)) throw new Error(`fault ${got}`);
  expect(got.equals(Buffer.from(block.content))).toBe(true);
}

describe("each instruction of LZO1X does what its description says", () => {
  const cases: readonly (readonly [what: string, block: LzoBlock])[] = [
    ["nothing but the end", new LzoBlock()],
    ...[1, 2, 3, 4, 18, 238].map((n) => [`a first byte with ${n} literals`, new LzoBlock().first(bytes(n))] as const),
    ...[4, 18, 19, 272, 273, 274, 527, 528, 529, 70_000].map(
      (n) => [`a run of ${n} literals`, new LzoBlock().run(bytes(n))] as const,
    ),
    ...[1, 2, 3].map(
      (s) => [`a near pair behind ${s} literals`, new LzoBlock().first(bytes(s)).nearPair(s, [9]).nearPair(1)] as const,
    ),
    ["a near pair from 1,024 before", new LzoBlock().run(bytes(1_100)).short(5, 3, [1]).nearPair(1_024, [1, 2, 3])],
    ["a far triple from 2,049 before", new LzoBlock().run(bytes(2_049)).farTriple(2_049)],
    ["a far triple from 3,072 before", new LzoBlock().run(bytes(4_000)).farTriple(3_072, [1, 2])],
    ["a far triple behind a first run", new LzoBlock().run(bytes(3_000)).short(1, 3).run(bytes(4)).farTriple(2_500)],
    ...[3, 4, 5, 6, 7, 8].map((n) => [`a short match of ${n}`, new LzoBlock().run(bytes(9)).short(9, n, [1])] as const),
    ["a short match from 2,048 before", new LzoBlock().run(bytes(2_048)).short(2_048, 8)],
    ...[3, 33, 34, 288, 289, 290, 543, 544, 200_000].map(
      (n) => [`a middle match of ${n}`, new LzoBlock().run(bytes(20)).middle(17, n, [5, 6, 7])] as const,
    ),
    ["a middle match from 16,384 before", new LzoBlock().run(bytes(16_384)).middle(16_384, 300, [1])],
    ...[3, 9, 10, 264, 265, 519, 520, 100_000].map(
      (n) => [`a far match of ${n}`, new LzoBlock().run(bytes(16_385)).far(16_385, n, [8])] as const,
    ),
    ["a far match from 32,768 before", new LzoBlock().run(bytes(50_000)).far(32_768, 77)],
    ["a far match from 49,151 before", new LzoBlock().run(bytes(50_000)).far(49_151, 4_000).run(bytes(8))],
    ...Array.from({ length: 40 }, (_, i) => i + 1).map(
      (d) => [`an overlapping match from ${d} before`, new LzoBlock().run(bytes(40)).middle(d, 500, [1])] as const,
    ),
  ];
  test.for(cases)("%s", ([, block]) => {
    const packed = block.finish();
    expectContent(block);
    expect(decodeBlock("lzo", packed, block.content.length + 1)).toBe(-5);
    expect(decodeBlock("lzo", Buffer.concat([packed, Buffer.from([0])]), block.content.length)).toBe(-4);
    if (block.content.length > 0) expect(decodeBlock("lzo", packed, block.content.length - 1)).toBe(-2);
    for (let end = Math.max(0, packed.length - 10); end < packed.length; end += 1) {
      expect(decodeBlock("lzo", packed.subarray(0, end), block.content.length)).toBeLessThan(0);
    }
  });

  test("no match may begin before the block", () => {
    const back = (one: LzoBlock): unknown => decodeBlock("lzo", one.finish(), 60_000);
    expect(back(new LzoBlock().first([1]).nearPair(2))).toBe(-3);
    expect(back(new LzoBlock().run(bytes(2_048)).farTriple(2_049))).toBe(-3);
    expect(back(new LzoBlock().run(bytes(9)).short(10, 3))).toBe(-3);
    expect(back(new LzoBlock().run(bytes(9)).middle(10, 3))).toBe(-3);
    expect(back(new LzoBlock().run(bytes(16_385)).far(16_386, 3))).toBe(-3);
  });

  test("a length that never ends is refused, however many zeros it has", () => {
    for (const code of [0, 32, 16]) {
      const packed = Buffer.concat([Buffer.from([code]), Buffer.alloc(20_000_000)]);
      expect(decodeBlock("lzo", packed, 1_000)).toBeLessThan(0);
    }
  });
});

interface Wish {
  readonly kind: number;
  readonly length: number;
  readonly distance: number;
  readonly trailing: number;
}

/** Follows a wish with an instruction that is allowed here. */
function follow(block: LzoBlock, { kind, length, distance, trailing }: Wish): void {
  const have = block.content.length;
  const tail = bytes(trailing, kind);
  const within = (most: number, least = 1): number =>
    least + (distance % Math.max(1, Math.min(have, most) - least + 1));
  if (have === 0) {
    if (kind % 2 === 0) block.first(bytes(1 + (length % 238), distance));
    else block.run(bytes(4 + length, distance));
  } else if (block.state === 0 && kind < 3) block.run(bytes(4 + length, distance));
  else if (block.state > 0 && block.state < 4 && kind < 3) block.nearPair(within(1_024), tail);
  else if (block.state === 4 && kind < 3 && have >= 2_049) block.farTriple(within(3_072, 2_049), tail);
  else if (kind < 6) block.short(within(2_048), 3 + (length % 6), tail);
  else if (kind < 8 && have > 16_384) block.far(within(49_151, 16_385), 3 + length, tail);
  else block.middle(within(16_384), 3 + length, tail);
}

const wish = fc.record({
  kind: fc.nat(9),
  length: fc.oneof(fc.nat(20), fc.nat(700), fc.nat(20_000)),
  distance: fc.oneof(fc.nat(20), fc.nat(100_000)),
  trailing: fc.nat(3),
});

test("any sequence of instructions decodes to what it says, and stays within its output", () => {
  fc.assert(
    fc.property(fc.array(wish, { minLength: 1, maxLength: 60 }), (wishes) => {
      const block = new LzoBlock();
      for (const one of wishes) follow(block, one);
      expectContent(block);
    }),
    { numRuns: 150 },
  );
});

test("any bytes give a fault or content, and write nothing outside of the output area", () => {
  fc.assert(
    fc.property(
      fc.array(wish, { maxLength: 20 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(),
      fc.nat(),
      (...given) => {
        const [wishes, noise, at, length] = given;
        const block = new LzoBlock();
        for (const one of wishes) follow(block, { ...one, length: one.length % 300 });
        const packed = Buffer.concat([block.finish(), noise]);
        packed.set(noise.subarray(0, 3), at % Math.max(1, packed.length - 3));
        for (const kind of ["lzo", "lz4"] as const) {
          const got = decodeBlock(kind, packed, length % 50_000);
          expect(typeof got === "number" ? got : 0).toBeLessThanOrEqual(0);
        }
      },
    ),
    { numRuns: 300 },
  );
});
