import { DrawbridgeError } from "../../errors.ts";
import { ByteReader } from "../codec/byte-reader.ts";

/** One member of a tar stream. The body must be read to its end, or skipped, before the next member is asked for. */
export interface TarMember {
  /** As in the archive, long names resolved. May start with a slash; may be just `/`. */
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink" | "other";
  readonly linkName: string;
  readonly sizeBytes: number;
  readonly mode: number;
  /** The member's bytes, in the order of the file. */
  body(): AsyncIterable<Buffer>;
}

const block = 512;
/** Extension records (long names, PAX) larger than this are not a name but an attack or damage. */
const extensionLimitBytes = 1024 * 1024;

/** Names and numbers that an extension record gives to the member after it. */
interface Overrides {
  name?: string;
  linkName?: string;
  sizeBytes?: number;
}

/**
 * Reads a tar stream of any dialect that WAL-E and WAL-G write: ustar, GNU (`L`, `K`, base-256 numbers) and PAX (`x`, `g`).
 * Reads on to the end of the source and wants only zeros there, so that the decompressor's end mark is checked as well.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names `key` on any damage.
 */
export async function* readTar(source: AsyncIterable<Buffer>, key: string): AsyncGenerator<TarMember> {
  const bytes = new ByteReader(source, key);
  let next: Overrides = {};
  for (;;) {
    const header = await bytes.take(block);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header, key);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = number(header, 124, 12, key);
    if (type === "x" || type === "g" || type === "L" || type === "K") {
      const record = await extension(bytes, size, key);
      if (type === "x") next = { ...next, ...paxOverrides(record, key) };
      if (type === "L") next.name = untilZero(record);
      if (type === "K") next.linkName = untilZero(record);
      continue;
    }
    const member = memberOf(header, type, size, next, key);
    next = {};
    let unread = member.sizeBytes;
    yield {
      ...member,
      body: async function* () {
        while (unread > 0) {
          const chunk = await bytes.upTo(unread);
          unread -= chunk.length;
          yield chunk;
        }
      },
    };
    await bytes.skip(unread + padding(member.sizeBytes));
  }
  await bytes.expectZerosToEnd();
}

function memberOf(header: Buffer, type: string, size: number, next: Overrides, key: string): Omit<TarMember, "body"> {
  const kind = kindOf(type, header);
  const sizeBytes = kind === "file" || kind === "other" ? (next.sizeBytes ?? size) : 0;
  return {
    name: next.name ?? ustarName(header),
    kind,
    linkName: next.linkName ?? text(header, 157, 100),
    sizeBytes,
    mode: number(header, 100, 8, key) & 0o7777,
  };
}

function kindOf(type: string, header: Buffer): TarMember["kind"] {
  // old writers mark directories by a slash at the end of the name only
  if ((type === "0" || type === "\0") && text(header, 0, 100).endsWith("/")) return "directory";
  if (type === "0" || type === "\0" || type === "7") return "file";
  if (type === "5") return "directory";
  if (type === "2") return "symlink";
  return type === "1" ? "hardlink" : "other";
}

function ustarName(header: Buffer): string {
  const name = text(header, 0, 100);
  // GNU puts other things where POSIX has the prefix, and tells itself apart by "ustar " instead of "ustar\0"
  const isPosix = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? text(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function text(header: Buffer, offset: number, length: number): string {
  return untilZero(header.subarray(offset, offset + length));
}

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

/** Octal text, or GNU's base-256 when the first bit is set. */
function number(header: Buffer, offset: number, length: number, key: string): number {
  const field = header.subarray(offset, offset + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = BigInt((field[0] ?? 0) & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(key, "a number is too large");
    return Number(value);
  }
  const digits = untilZero(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw damaged(key, "a number is not octal");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function checkSum(header: Buffer, key: string): void {
  let sum = 8 * 0x20;
  for (let at = 0; at < block; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  if (sum !== number(header, 148, 8, key)) throw damaged(key, "a tar header's checksum is wrong");
}

async function extension(bytes: ByteReader, sizeBytes: number, key: string): Promise<Buffer> {
  if (sizeBytes > extensionLimitBytes) throw damaged(key, "a tar extension record is too large");
  const record = Buffer.from(await bytes.take(sizeBytes));
  await bytes.skip(padding(sizeBytes));
  return record;
}

/** PAX records: `<length> <key>=<value>\n`, length in bytes and counting itself. */
function paxOverrides(record: Buffer, key: string): Overrides {
  const overrides: Overrides = {};
  for (let at = 0; at < record.length;) {
    const space = record.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(record.toString("latin1", at, space));
    if (!Number.isInteger(length) || length < 5 || at + length > record.length)
      throw damaged(key, "a PAX record is damaged");
    const line = record.toString("utf8", space + 1, at + length - 1);
    const equals = line.indexOf("=");
    const value = line.slice(equals + 1);
    if (line.startsWith("path=")) overrides.name = value;
    if (line.startsWith("linkpath=")) overrides.linkName = value;
    if (line.startsWith("size=")) {
      overrides.sizeBytes = Number(value);
      if (!Number.isSafeInteger(overrides.sizeBytes) || overrides.sizeBytes < 0)
        throw damaged(key, "a PAX size is damaged");
    }
    at += length;
  }
  return overrides;
}

function padding(sizeBytes: number): number {
  return (block - (sizeBytes % block)) % block;
}

function damaged(key: string, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: ${what}`);
}
