import { describe, expect, test } from "vitest";
import { parseControlFile } from "../../../src/archive/format/control-file.ts";
import { lzop, writeLzop, type LzopField } from "../../support/archive-maker-lzop.ts";
import { crc32c, noise } from "../../support/archive-maker-sums.ts";
import { memberBlocks, tarOf } from "../../support/archive-maker-tar.ts";
import { controlFile } from "../../support/archive-maker.ts";
import { inMemoryDir } from "../restore/kit.ts";
import { unpackObject } from "./in-thread.ts";
import type { Outcome } from "./kit.ts";

const key = "part_00000001.tar.lzo";
const timeout = 120_000;
const members = [
  { name: "base/1/1259", content: Buffer.concat([noise(6_000, 1), Buffer.alloc(9_000)]) },
  { name: "base/1/16384", content: noise(7_700, 2) },
  { name: `base/1/${"long".repeat(40)}`, content: Buffer.from("x") },
] as const;
const tar = tarOf(members);
const whole = writeLzop(tar, { blockBytes: 8_192, name: "part" });
const fieldNames = [...new Set(whole.fields.map(({ name }) => name))];

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ mask;
  return changed;
}

/** Unpacks each variant; all that came out must be what comes out of the good one. Returns how many were refused. */
async function sweep(variants: Iterable<Buffer>): Promise<{ refused: number; restored: number; wrong: Outcome[] }> {
  return inMemoryDir(async (home) => {
    const good = await unpackObject(key, whole.bytes, home);
    expect(good.restored, good.message).toBe(true);
    const counts = { refused: 0, restored: 0, wrong: [] as Outcome[] };
    for (const variant of variants) {
      const outcome = await unpackObject(key, variant, home);
      const same = outcome.restored && [...outcome.tree].join() === [...good.tree].join();
      if (same) counts.restored += 1;
      else if (outcome.code === "DB_ARCHIVE_INVALID" && outcome.message.includes(key)) counts.refused += 1;
      else counts.wrong.push(outcome);
    }
    return counts;
  });
}

/** The bytes of a field that are tried; of long ones some, in a step that has no common factor with 8 KiB. */
function placesIn({ start, end }: LzopField): number[] {
  const step = end - start > 64 ? 61 : 1;
  return Array.from({ length: Math.ceil((end - start) / step) }, (_, index) => start + index * step);
}

function* flipsIn(field: string): Generator<Buffer> {
  for (const one of whole.fields.filter(({ name }) => name === field)) {
    for (const at of placesIn(one)) {
      for (const bit of one.end - one.start > 64 ? [at % 8] : [0, 3, 7]) yield flipped(whole.bytes, at, 1 << bit);
    }
  }
}

describe("each field of a part's lzop container", { timeout }, () => {
  test.each(fieldNames)("a flipped bit in its %s: refused, naming the part", async (field) => {
    const variants = [...flipsIn(field)];
    expect(await sweep(variants)).toEqual({ refused: variants.length, restored: 0, wrong: [] });
  });

  test.each(fieldNames)("cut before, in and behind its %s: refused, naming the part", async (field) => {
    const places = whole.fields
      .filter(({ name }) => name === field)
      .flatMap(({ start, end }) => [start, (start + end) >> 1, end])
      .filter((at) => at < whole.bytes.length);
    const variants = [...new Set(places)].map((at) => whole.bytes.subarray(0, at));
    expect(await sweep(variants)).toEqual({ refused: variants.length, restored: 0, wrong: [] });
  });

  test("zeros behind its end marker: restored; anything else: refused", async () => {
    const behind = (bytes: Buffer): Buffer => Buffer.concat([whole.bytes, bytes]);
    expect(await sweep([behind(Buffer.alloc(4_096))])).toMatchObject({ restored: 1 });
    const garbage = [Buffer.from([1]), Buffer.concat([Buffer.alloc(700), Buffer.from("x")]), Buffer.from("<html>")];
    expect(await sweep(garbage.map(behind))).toEqual({ refused: 3, restored: 0, wrong: [] });
  });

  test("blocks in another order, left out or twice: refused wherever the tar stream can see it", async () => {
    const blocks = whole.fields.filter(({ name }) => name === "block length").map(({ start }) => start);
    const end = whole.fields.at(-1)?.start ?? 0;
    const [first = 0, second = 0, third = 0] = blocks;
    const cut = (from: number, to: number): Buffer => whole.bytes.subarray(from, to);
    const variants = [
      Buffer.concat([cut(0, first), cut(second, end), cut(end, end + 4)]),
      Buffer.concat([cut(0, second), cut(first, end + 4)]),
      Buffer.concat([cut(0, first), cut(second, third), cut(first, second), cut(third, end + 4)]),
    ];
    expect(await sweep(variants)).toEqual({ refused: 3, restored: 0, wrong: [] });
  });
});

describe("each byte of a part's tar stream, in a container whose checksums fit", { timeout }, () => {
  const again = (bytes: Buffer): Buffer => lzop(bytes, { blockBytes: 8_192 });
  const headerAt = memberBlocks(members[0]).reduce((sum, block) => sum + block.length, 0);

  test("a flipped bit in a member's header: refused, unless the byte says nothing", async () => {
    const variants = Array.from({ length: 512 }, (_, at) => again(flipped(tar, headerAt + at, 1)));
    const { refused, restored, wrong } = await sweep(variants);
    expect(wrong).toEqual([]);
    // the space behind the checksum's own end says nothing
    expect({ refused, restored }).toEqual({ refused: 511, restored: 1 });
  });

  test("cut at any place: refused", async () => {
    const variants = Array.from({ length: Math.floor(24_000 / 256) }, (_, index) =>
      again(tar.subarray(0, index * 256)),
    );
    expect(await sweep(variants)).toEqual({ refused: variants.length, restored: 0, wrong: [] });
  });

  test("bits in padding say nothing: restored; in the blocks that end the stream: refused", async () => {
    const padding = headerAt + 512 + members[1].content.length;
    expect(await sweep([again(flipped(tar, padding, 1))])).toMatchObject({ restored: 1, wrong: [] });
    const end = tar.length - 600;
    expect(await sweep([again(flipped(tar, end, 1))])).toEqual({ refused: 1, restored: 0, wrong: [] });
  });
});

describe("what Adler-32 cannot see, as `lzop -d` cannot", { timeout }, () => {
  /** Three bytes changed so that both sums of Adler-32, and the plain sum of a tar header, stay as they were. */
  const sameAdler = (bytes: Buffer, at: number): Buffer => {
    const changed = Buffer.from(bytes);
    [1, -2, 1].forEach((step, index) => (changed[at + index] = (changed[at + index] ?? 0) + step));
    return changed;
  };
  const swapped = (content: Buffer, changed: Buffer, name: string): Buffer => {
    const good = lzop(tarOf([{ name, content }]), { blockBytes: 65_536 });
    const other = lzop(tarOf([{ name, content: changed }]), { blockBytes: 65_536 });
    expect(other.length).toBe(good.length);
    // the same checksums in the same places: only the three bytes differ
    expect(good.filter((byte, at) => byte !== other[at])).toHaveLength(3);
    return other;
  };

  test("in pg_control: refused by the control file's own CRC-32C", async () => {
    const content = controlFile();
    content.write("abc", 100);
    content.writeUInt32LE(crc32c(content.subarray(0, 288)), 288);
    const part = swapped(content, sameAdler(content, 100), "global/pg_control");
    await inMemoryDir(async (home) => {
      const { restored, tree } = await unpackObject(key, part, home);
      expect(restored).toBe(true);
      const bytes = Buffer.from(tree.get("pgdata/global/pg_control.restoring") ?? "", "latin1");
      expect(() => parseControlFile(bytes)).toThrow(/wrong checksum/);
    });
  });

  test("in a relation: nothing of the archive's format can tell; only PostgreSQL's page checksums do", async () => {
    const content = Buffer.concat([Buffer.from("abcdefghijklmnopqrst"), noise(4_000, 9)]);
    const part = swapped(content, sameAdler(content, 10), "base/1/16384");
    await inMemoryDir(async (home) => {
      const { restored, tree } = await unpackObject(key, part, home);
      expect({ restored, same: tree.get("pgdata/base/1/16384") === content.toString("latin1") }).toEqual({
        restored: true,
        same: false,
      });
    });
  });
});
