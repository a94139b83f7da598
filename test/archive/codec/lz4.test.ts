import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findArchive } from "../../support/archives.ts";
import { decode, decodeBlock, outcome } from "./decode.ts";
import { type FrameOptions, lz4Frame, sequence, skippableFrame, xxh32 } from "./lz4-frames.ts";
import { contents, cutPlaces, filter, has, smallContent } from "./samples.ts";

test("the hash that the frames of these tests carry is xxHash-32", () => {
  expect(xxh32(Buffer.alloc(0))).toBe(0x02cc5d05);
  expect(xxh32(Buffer.from("Nobody inspects the spammish repetition"))).toBe(0xe2293b2f);
});

const options: fc.Arbitrary<FrameOptions> = fc.record({
  linked: fc.boolean(),
  blockSums: fc.boolean(),
  contentSum: fc.boolean(),
  contentSize: fc.boolean(),
  blockSize: fc.constantFrom(4, 5, 6, 7),
  stored: fc.boolean(),
});

test("frames of all kinds decode, whatever their features and the chunks", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(contents, options, cutPlaces, async (content, how, cuts) => {
      expect(decode("lz4", lz4Frame(content, how), cuts).equals(content)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

const ways = [
  [],
  ["-9"],
  ["-BD"],
  ["-B4", "-BD"],
  ["-B5"],
  ["-BX"],
  ["-B7", "-BD", "-BX"],
  ["--no-frame-crc"],
  ["-1", "-B6"],
];

/** What the program makes of it. lz4 1.9.4 fails now and then by its own count of room ("Error 41"); then there is nothing to decode. */
function packed(args: readonly string[], content: Buffer): Buffer {
  try {
    return filter("lz4", ["-q", "-c", ...args], content);
  } catch (cause) {
    fc.pre(!(cause instanceof Error && cause.message.includes("ERROR_dstMaxSize_tooSmall")));
    throw cause;
  }
}

test.skipIf(!has("lz4"))("whatever the program lz4 packs comes out again", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(contents, fc.constantFrom(...ways), cutPlaces, async (content, args, cuts) => {
      const got = decode("lz4", packed(args, content), cuts);
      expect(got.equals(content)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("a frame that the program lz4 once wrote decodes", async () => {
  // lz4 1.9.4: printf 'Drawbridge Drawbridge Drawbridge Drawbridge\\n' > x; lz4 -c -BD -BX --content-size x
  const recorded =
    "04224d187c402c00000000000000b915000000bf44726177627269646765200b000950696467650a53f8c54d00000000816714b4";
  const wanted = "Drawbridge Drawbridge Drawbridge Drawbridge\n";
  expect(decode("lz4", Buffer.from(recorded, "hex")).toString()).toBe(wanted);
});

test("frames and skippable frames one after another are one content", async () => {
  const frame = lz4Frame(smallContent, { linked: true });
  const many = [
    skippableFrame(smallContent, 15),
    frame,
    skippableFrame(Buffer.alloc(0)),
    frame,
    lz4Frame(Buffer.alloc(0)),
  ];
  const packed = Buffer.concat(many);
  const wanted = Buffer.concat([smallContent, smallContent]);
  for (const cuts of [[], [3], Array.from(packed.keys())]) {
    expect(decode("lz4", packed, cuts).equals(wanted)).toBe(true);
  }
});

const walg = findArchive("wal-g-15-lz4");
test.skipIf(walg === undefined || !has("lz4"))(
  "objects of the real wal-g decode to what lz4 makes of them",
  async () => {
    const folder = join(walg ?? "", "prefix");
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".lz4"));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const packed = readFileSync(join(folder, name));
      expect(decode("lz4", packed, [5, 70_000]).equals(filter("lz4", ["-dc"], packed))).toBe(true);
    }
  },
);

describe("an LZ4 object is refused", () => {
  const frames = [
    lz4Frame(smallContent, { blockSums: true }),
    lz4Frame(smallContent, { linked: true, contentSize: true }),
  ];

  test("when it is cut, at any byte", async () => {
    for (const frame of frames) {
      for (let end = 0; end < frame.length; end += 1) {
        expect(outcome("lz4", frame.subarray(0, end), [end >> 1])).toBe("DB_ARCHIVE_INVALID");
      }
    }
  });

  test("when a bit of any byte is flipped, unless the content stays the same", async () => {
    for (const frame of frames) {
      for (let at = 0; at < frame.length; at += 1) {
        const bad = Buffer.from(frame);
        bad[at] = (bad[at] ?? 0) ^ (1 << ((at * 5) & 7));
        const got = outcome("lz4", bad);
        if (Buffer.isBuffer(got)) expect(got.equals(smallContent)).toBe(true);
        else expect(got).toBe("DB_ARCHIVE_INVALID");
      }
    }
  });

  const [frame = Buffer.alloc(0)] = frames;
  const changed = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(frame);
    bytes.writeUInt8(value, at);
    return bytes;
  };
  const cases: readonly (readonly [why: string, bytes: Buffer, words: string])[] = [
    ["when it is in the legacy format", Buffer.from("02214c1800000000", "hex"), "legacy format"],
    ["when it is no frame", Buffer.from("hello world"), "it is not an LZ4 frame"],
    ["when it holds nothing but skippable frames", skippableFrame(smallContent), "it is cut off"],
    ["when its version is unknown", changed(4, 0xb4), "unknown version"],
    ["when a reserved bit is set", changed(4, 0x76), "unknown features"],
    ["when it needs a dictionary", changed(4, 0x75), "needs a dictionary"],
    ["when its block size is unknown", changed(5, 0x30), "unknown block size"],
    ["when its header has another checksum", changed(6, 0), "its header has a wrong checksum"],
    ["when something stands behind its end", Buffer.concat([frame, Buffer.from("garbage")]), "behind its end"],
    ["when zeros stand behind its end", Buffer.concat([frame, Buffer.alloc(10)]), "behind its end"],
    ["when a block is too long", changed(10, 0x7f), "it claims"],
  ];
  test.for(cases)("%s", async ([, bytes, words]) => {
    expect(() => decode("lz4", bytes)).toThrow(words);
  });
});

describe("each form of an LZ4 sequence does what its description says", () => {
  const literals = (count: number): Buffer =>
    Buffer.from(Array.from({ length: count }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
  const end = sequence(literals(5));
  const lengths = [4, 18, 19, 20, 272, 273, 274, 528, 529, 70_000];

  test.for([0, 1, 14, 15, 16, 269, 270, 271, 525, 526, 70_000])("%i literals", (count) => {
    expect(decodeBlock("lz4", sequence(literals(count)), count)).toEqual(literals(count));
    expect(count === 0 || decodeBlock("lz4", sequence(literals(count)), count - 1)).toBe(count === 0 || -2);
  });

  test.for([1, 2, 3, 5, 7, 8, 11, 15, 16, 17, 31, 32, 33, 40])("matches from %i before", (distance) => {
    for (const length of lengths) {
      const wanted = Buffer.concat([
        literals(40),
        Buffer.alloc(length, literals(40).subarray(40 - distance)),
        literals(5),
      ]);
      const block = Buffer.concat([sequence(literals(40), distance, length), end]);
      const got = decodeBlock("lz4", block, wanted.length);
      expect(Buffer.isBuffer(got) && got.equals(wanted)).toBe(true);
      expect(decodeBlock("lz4", block, wanted.length - 1)).toBe(-2);
    }
  });

  test("no match may begin before the content, at itself, or end the block", () => {
    for (const distance of [0, 41, 65_535]) {
      expect(decodeBlock("lz4", Buffer.concat([sequence(literals(40), distance), end]), 1_000)).toBe(-3);
    }
    expect(decodeBlock("lz4", sequence(literals(40), 1), 1_000)).toBe(-1);
    expect(decodeBlock("lz4", Buffer.concat([Buffer.from([0xf0]), Buffer.alloc(20_000_000, 255)]), 1_000)).toBe(-2);
  });
});
