import { adler32 } from "./archive-maker-sums.ts";

// The container of the program lzop (archive-formats.md 1.7), written without it, so that tests know where each field lies.

/** How a container is written. */
export interface LzopOptions {
  /** Content of one block; lzop has 256 KiB. */
  readonly blockBytes?: number;
  /** In the header; lzop has none for what it reads from a pipe. */
  readonly name?: string;
}

/** A field of a container, by its place in the object. */
export interface LzopField {
  readonly name: string;
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
}

/** Content as `lzop -c` would lay it out: blocks that gain nothing are stored as they are. */
export function lzop(content: Buffer, options: LzopOptions = {}): Buffer {
  return writeLzop(content, options).bytes;
}

/** {@link lzop}, and where each field went. */
export function writeLzop(content: Buffer, options: LzopOptions = {}): { bytes: Buffer; fields: LzopField[] } {
  const { blockBytes = 262_144, name = "" } = options;
  const out: Buffer[] = [];
  const fields: LzopField[] = [];
  let at = 0;
  const put = (field: string, bytes: Buffer): void => {
    fields.push({ name: field, start: at, end: at + bytes.length });
    out.push(bytes);
    at += bytes.length;
  };
  put("magic", Buffer.from("894c5a4f000d0a1a0a", "hex"));
  put("version", Buffer.from("1040", "hex"));
  put("library version", Buffer.from("20a0", "hex"));
  put("version needed", Buffer.from("0940", "hex"));
  put("method", Buffer.from([1]));
  put("level", Buffer.from([5]));
  put("flags", Buffer.from("0300000d", "hex"));
  put("mode", Buffer.alloc(4));
  put("time", Buffer.alloc(8));
  put("name length", Buffer.from([name.length]));
  if (name !== "") put("name", Buffer.from(name));
  put("header checksum", u32(adler32(Buffer.concat(out.slice(1)))));
  for (let from = 0; from < content.length; from += blockBytes) {
    const block = content.subarray(from, from + blockBytes);
    const packed = lzo1x(block);
    const body = packed.length < block.length ? packed : block;
    put("block length", u32(block.length));
    put("packed length", u32(body.length));
    put("block checksum", u32(adler32(block)));
    put("block body", body);
  }
  put("end marker", u32(0));
  return { bytes: Buffer.concat(out), fields };
}

/** A poor but true compressor: runs of one byte become a match one byte back, all else stays literal. */
function lzo1x(content: Buffer): Buffer {
  const out: number[] = [];
  let literalsFrom = 0;
  for (let at = 1; at < content.length;) {
    let end = at;
    while (end < content.length && content[end] === content[at - 1]) end += 1;
    const isWorth = end - at >= 16 && (at - literalsFrom >= 4 || at === literalsFrom);
    if (isWorth) {
      writeLiterals(out, content.subarray(literalsFrom, at));
      writeLength(out, 32, 31, end - at - 2);
      out.push(0, 0); // distance 1, no literals behind it
      literalsFrom = end;
    }
    at = Math.max(end, at + 1);
  }
  const rest = content.subarray(literalsFrom);
  // fewer than four literals have no instruction of their own here; such a block is stored
  if (rest.length > 0 && rest.length < 4) return content;
  writeLiterals(out, rest);
  return Buffer.from([...out, 0x11, 0, 0]);
}

function writeLiterals(out: number[], literals: Buffer): void {
  if (literals.length === 0) return;
  writeLength(out, 0, 15, literals.length - 3);
  for (const byte of literals) out.push(byte);
}

/** A length in the low bits of an instruction, continued in bytes of its own where it does not fit. */
function writeLength(out: number[], instruction: number, most: number, length: number): void {
  if (length <= most) {
    out.push(instruction | length);
    return;
  }
  out.push(instruction);
  let left = length - most;
  for (; left > 255; left -= 255) out.push(0);
  out.push(left);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
