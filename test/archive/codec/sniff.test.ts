import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decompress } from "../../../src/archive/codec/decompress.ts";
import { sniff } from "../../../src/archive/codec/sniff.ts";
import { filter, smallContent } from "./samples.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const lzop = "894c5a4f000d0a1a0a1040";
const lz4 = "04224d1864a7";
const zstd = "28b52ffd0458";
const gz = "1f8b0800";

describe("an object is recognised by its name and its first bytes", () => {
  test.for([
    ["part_00000000.tar.lzo", lzop, "lzop"],
    ["part_001.tar.lz4", lz4, "lz4"],
    ["wal_005/000000010000000000000001.zst", zstd, "zstd"],
    ["part_001.tar.gz", gz, "gzip"],
    ["part_001.tar.br", "1b0f00f8", "brotli"],
    ["part_001.tar.br", gz, "brotli"],
    ["part_001.tar", "62617365", "none"],
    ["000000010000000000000001", "10d10500", "none"],
    ["000000010000000000000001", lzop, "lzop"],
    ["00000002.history.lzo", "894c", "lzop"],
    ["nothing", "", "none"],
  ] as const)("%s that starts with %s is %s", ([key, head, wanted]) => {
    expect(sniff(key, hex(head))).toBe(wanted);
  });
});

describe("an object is refused with what to do", () => {
  test.for([
    ["part_001.tar.lz4", zstd, "its name says lz4, its first bytes say zstd"],
    ["part_00000000.tar.lzo", lz4, "its name says lzop, its first bytes say lz4"],
    ["part_001.tar.br", lzop, "its name says brotli, its first bytes say lzop"],
    ["part_001.tar.lz4", "", "it is empty"],
    ["part_001.tar.lzma", "5d00008000", "compressed with LZMA, which Drawbridge does not read"],
    ["x.lzo", "85010c03aabb", "it is encrypted with OpenPGP (GPG). Drawbridge does not decrypt"],
    ["x.lz4", "845e03aabb", "it is encrypted with OpenPGP"],
    ["x.zst", "8c0d0407", "it is encrypted with OpenPGP"],
    ["x.br", "c1c04c03", "it is encrypted with OpenPGP"],
    ["x.tar", Buffer.from("-----BEGIN PGP MESSAGE-----\n").toString("hex"), "it is encrypted with OpenPGP"],
    [
      "x.lz4",
      "0123456789abcdef",
      "(it starts with 0123456789abcdef): damaged, or encrypted by its writer (GPG, libsodium",
    ],
    [
      "x.lzo",
      Buffer.from('<?xml version="1.0"?><Error>').toString("hex"),
      'it is an error page and no object of an archive: "<?xml',
    ],
    ["x.br", Buffer.from("\n<!DOCTYPE html>").toString("hex"), "it is an error page"],
    ["x.tar", Buffer.from("\ufeff<html>").toString("hex"), "it is an error page"],
  ] as const)("%s that starts with %s", ([key, head, words]) => {
    expect(() => sniff(key, hex(head))).toThrow(`${key}: `);
    expect(() => sniff(key, hex(head))).toThrow(words);
  });
});

describe("decompress", () => {
  const bytes = async (body: Readable, key: string, signal?: AbortSignal): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for await (const part of decompress(body, key, signal)) parts.push(part);
    return Buffer.concat(parts);
  };

  test("gives the content of an object that comes byte by byte", async () => {
    const packed = filter("lzop", ["-c"], smallContent);
    expect(await bytes(Readable.from(Array.from(packed, (byte) => Buffer.from([byte]))), "x.lzo")).toEqual(
      smallContent,
    );
    expect(await bytes(Readable.from([gzipSync(smallContent)]), "x.gz")).toEqual(smallContent);
    expect(await bytes(Readable.from([smallContent]), "x.tar")).toEqual(smallContent);
  });

  test("passes errors of the source on as they are, and destroys the source", async () => {
    const fault = new Error("connection reset");
    const body = new Readable({ read: () => undefined });
    body.push(filter("lzop", ["-c"], smallContent).subarray(0, 200));
    setImmediate(() => body.destroy(fault));
    await expect(bytes(body, "x.lzo")).rejects.toBe(fault);
    const early = Readable.from([Buffer.from("hello")]);
    await expect(bytes(early, "x.lzo")).rejects.toMatchObject({ code: "DB_ARCHIVE_INVALID" });
    expect(early.destroyed).toBe(true);
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await expect(bytes(Readable.from([smallContent]), "x", stop.signal)).rejects.toThrow("enough");
  });
});
