import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TarParser } from "../../../src/archive/tar/tar-parser.ts";
import { tarEnd, tarHeader } from "../../../src/archive/tar/tar-writer.ts";
import { member, readAll, special, withSum } from "./kit.ts";

const whole = Buffer.concat([member("a", "x".repeat(600)), member("b", "y"), tarEnd()]);

/** A PAX record block for the member after it. */
function pax(type: "x" | "g", records: Record<string, string>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest);
    while (String(length).length + Buffer.byteLength(rest) > length) length += 1;
    return `${length}${rest}`;
  });
  const block = member("pax", lines.join(""));
  block.write(type, 156);
  return withSum(block);
}

describe("the tar parser", () => {
  test("any set of files comes back as it was written, whatever the sizes of the pieces", () => {
    const name = fc
      .stringMatching(/^[a-zA-Z0-9é_/]{1,150}[a-z]$/)
      .filter((text) => !text.includes("//") && !text.startsWith("/"));
    const files = fc.uniqueArray(fc.record({ name, content: fc.string({ maxLength: 2_000 }) }), {
      selector: (file) => file.name,
      maxLength: 8,
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(files, sizes, (wanted, cut) => {
        const bytes = Buffer.concat([...wanted.map((file) => member(file.name, file.content)), tarEnd()]);
        const found = readAll(bytes, cut).map((one) => ({ name: one.name, content: one.content.toString() }));
        expect(found).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });

  test("reads sizes beyond 8 GiB, which only base-256 can hold", () => {
    const sizeBytes = 9 * 2 ** 30;
    const seen: number[] = [];
    const parser = new TarParser("part_7", {
      open: (one) => seen.push(one.sizeBytes),
      data: () => undefined,
      close: () => undefined,
    });
    parser.push(tarHeader({ name: "big", kind: "file", sizeBytes, mode: 0o600, modifiedAt: new Date(0) }));
    expect(seen).toEqual([sizeBytes]);
  });

  test("PAX records of one member win over those of all, and both over the header", () => {
    const bytes = Buffer.concat([
      pax("g", { linkpath: "for all", comment: "nothing" }),
      pax("x", { path: "ünï" }),
      special("first", "1", "header"),
      special("second", "1", "header"),
      tarEnd(),
    ]);
    expect(readAll(bytes).map(({ name, linkName }) => [name, linkName])).toEqual([
      ["ünï", "for all"],
      ["second", "for all"],
    ]);
  });

  test("a stream cut anywhere is an error that names the object", () => {
    for (let length = 0; length < whole.length; length += length % 512 === 0 ? 1 : 73) {
      expect(() => readAll(whole.subarray(0, length))).toThrow(/^part_7: ends too early/);
    }
  });

  test.each<[string, Buffer, RegExp]>([
    ["something behind the end", Buffer.concat([whole, Buffer.alloc(1_000), Buffer.from("x")]), /behind the end/],
    ["a flipped byte in a header", flipped(whole, 3), /checksum is wrong/],
    ["a sparse file of GNU", Buffer.concat([special("s", "S"), tarEnd()]), /sparse/],
    ["a sparse file of PAX", Buffer.concat([pax("x", { "GNU.sparse.major": "1" }), whole]), /sparse/],
    [
      "a PAX record with a wrong length",
      Buffer.concat([withType(member("p", "99 path=x\n"), "x"), whole]),
      /PAX record/,
    ],
    ["a negative PAX size", Buffer.concat([pax("x", { size: "-1" }), whole]), /PAX size/],
    ["a PAX size that no number holds", Buffer.concat([pax("x", { size: "9".repeat(20) }), whole]), /PAX size/],
    ["a long name of 2 GiB", hugeRecord(), /extension record is too large/],
    ["a directory with content", Buffer.concat([member("dir/", "x"), tarEnd()]), /has content/],
  ])("%s is refused", (_what, bytes, message) => {
    expect(() => readAll(bytes)).toThrow(message);
  });

  test("mutated streams end in an error or in members, never in anything else, and soon", () => {
    const mutation = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255), fixSum: fc.boolean() });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 12 }), fc.nat(whole.length), (mutations, cut) => {
        const bytes = Buffer.from(whole);
        for (const { at, byte, fixSum } of mutations) {
          bytes[at] = byte;
          if (fixSum) withSum(bytes.subarray(at - (at % 512), at - (at % 512) + 512));
        }
        try {
          const content = readAll(bytes.subarray(0, cut)).reduce((sum, one) => sum + one.content.length, 0);
          expect(content).toBeLessThanOrEqual(bytes.length);
        } catch (fault) {
          expect(fault).toMatchObject({ code: "DB_ARCHIVE_INVALID", message: expect.stringMatching(/^part_7: /) });
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x11, at);
  return copy;
}

function withType(bytes: Buffer, type: string): Buffer {
  bytes.write(type, 156);
  return withSum(bytes);
}

function hugeRecord(): Buffer {
  const header = tarHeader({ name: "l", kind: "file", sizeBytes: 2 ** 31, mode: 0, modifiedAt: new Date(0) });
  return withType(header, "L");
}
