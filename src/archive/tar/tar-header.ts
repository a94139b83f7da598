import { DrawbridgeError } from "../../errors.ts";

/** One member of a tar stream, its header and the extension records before it taken together. */
export interface TarMember {
  /** As in the archive, long names resolved. May start with a slash; may be just `/`. */
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink" | "other";
  readonly linkName: string;
  /** Bytes of content that follow; 0 for everything but files. */
  readonly sizeBytes: number;
}

/** Names and numbers that an extension record gives to the member after it. */
export interface TarOverrides {
  readonly name?: string;
  readonly linkName?: string;
  readonly sizeBytes?: number;
}

/** Bytes of a header, and what all content is filled up to. */
export const tarBlock = 512;
/** Extension records (long names, PAX) larger than this are not a name but an attack or damage. */
export const extensionLimitBytes = 1024 * 1024;

/** One header block, its checksum proven. `type` is tar's own letter. */
export interface TarHeaderBlock {
  readonly type: string;
  readonly sizeBytes: number;
  readonly block: Buffer;
}

/**
 * Reads one header block of ustar, GNU or PAX (formats: POSIX pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names `key`.
 */
export function readTarHeader(block: Buffer, key: string): TarHeaderBlock {
  checkSum(block, key);
  return { type: String.fromCharCode(block.readUInt8(156)), sizeBytes: number(block, 124, 12, key), block };
}

/** The member that a header and its extension records describe. @throws DrawbridgeError `DB_ARCHIVE_INVALID`. */
export function memberOf(header: TarHeaderBlock, overrides: TarOverrides, key: string): TarMember {
  const { block, type } = header;
  const name = overrides.name ?? ustarName(block);
  if (type === "S") throw damaged(key, `${name} is a sparse file, which no archiver of PostgreSQL writes`);
  const kind = kindOf(type, name);
  const sizeBytes = overrides.sizeBytes ?? header.sizeBytes;
  if (kind === "directory" && isFileType(type) && sizeBytes > 0)
    throw damaged(key, `the directory ${name} has content`);
  return {
    name,
    kind,
    linkName: overrides.linkName ?? text(block, 157, 100),
    sizeBytes: kind === "file" || kind === "other" ? sizeBytes : 0,
  };
}

/** PAX records: `<length> <key>=<value>\n`, length in bytes and counting itself. An empty value takes an earlier one back. */
export function paxOverrides(record: Buffer, before: TarOverrides, key: string): TarOverrides {
  let overrides = before;
  for (let at = 0; at < record.length;) {
    const space = record.indexOf(0x20, at);
    const digits = space < 0 || space > at + 8 ? "" : record.toString("latin1", at, space);
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    if (length < 5 || at + length > record.length || record[at + length - 1] !== 0x0a || space >= at + length)
      throw damaged(key, "a PAX record is damaged");
    const line = record.toString("utf8", space + 1, at + length - 1);
    overrides = paxOverride(line, overrides, key);
    at += length;
  }
  return overrides;
}

function paxOverride(line: string, before: TarOverrides, key: string): TarOverrides {
  const equals = line.indexOf("=");
  const name = line.slice(0, Math.max(equals, 0));
  const value = line.slice(equals + 1);
  if (name.startsWith("GNU.sparse."))
    throw damaged(key, "it has a sparse file, which no archiver of PostgreSQL writes");
  if (name !== "path" && name !== "linkpath" && name !== "size") return before;
  const { name: oldName, linkName: oldLink, sizeBytes: oldSize } = before;
  const path = name === "path" ? nothingIfEmpty(value) : oldName;
  const linkName = name === "linkpath" ? nothingIfEmpty(value) : oldLink;
  const sizeBytes = name === "size" ? paxSize(value, key) : oldSize;
  return {
    ...(path === undefined ? {} : { name: path }),
    ...(linkName === undefined ? {} : { linkName }),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
  };
}

function paxSize(value: string, key: string): number | undefined {
  if (value === "") return undefined;
  const size = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw damaged(key, "a PAX size is damaged");
  return size;
}

function nothingIfEmpty(value: string): string | undefined {
  return value === "" ? undefined : value;
}

/** Text up to the first zero byte. */
export function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

/** Zeros that follow `sizeBytes` of content. */
export function paddingOf(sizeBytes: number): number {
  return (tarBlock - (sizeBytes % tarBlock)) % tarBlock;
}

/** The fault for damage in the object `key`. */
export function damaged(key: string, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: ${what}`);
}

function isFileType(type: string): boolean {
  return type === "0" || type === "\0" || type === "7";
}

function kindOf(type: string, name: string): TarMember["kind"] {
  // old writers mark directories by a slash at the end of the name only
  if (isFileType(type)) return name.endsWith("/") ? "directory" : "file";
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

/** Octal text, or GNU's base-256 when the first bit is set. */
function number(header: Buffer, offset: number, length: number, key: string): number {
  const field = header.subarray(offset, offset + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    let value = BigInt((field[0] ?? 0) & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(key, "a number in a tar header is too large");
    return Number(value);
  }
  const digits = untilZero(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw damaged(key, "a number in a tar header is not octal");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function checkSum(header: Buffer, key: string): void {
  let sum = 8 * 0x20;
  for (let at = 0; at < tarBlock; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  if (sum !== number(header, 148, 8, key)) throw damaged(key, "a tar header's checksum is wrong");
}
