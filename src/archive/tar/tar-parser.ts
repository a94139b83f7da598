import {
  damaged,
  extensionLimitBytes,
  memberOf,
  paddingOf,
  paxOverrides,
  readTarHeader,
  tarBlock,
  untilZero,
  type TarMember,
  type TarOverrides,
} from "./tar-header.ts";

/** Told of what a tar stream holds, member by member, synchronously. What it throws ends the reading. */
export interface TarHandler {
  open(member: TarMember): void;
  /** A piece of the open member's content; valid during the call only. */
  data(bytes: Uint8Array): void;
  /** The open member is whole. */
  close(): void;
}

const nothing: TarOverrides = {};

/**
 * Reads a tar stream of any dialect that WAL-E and WAL-G write (ustar, GNU, PAX) as it is pushed, in chunks of any size.
 * Holds at most one header or extension record. Every method throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the object.
 */
export class TarParser {
  readonly #key: string;
  readonly #handler: TarHandler;
  readonly #block = Buffer.alloc(tarBlock);
  #held = 0;
  #where: "header" | "content" | "padding" | "extension" | "end" = "header";
  /** Bytes left of content or padding. */
  #left = 0;
  #padding = 0;
  #extension: { readonly type: string; readonly bytes: Buffer; held: number } | undefined;
  #global: TarOverrides = nothing;
  #next: TarOverrides = nothing;
  /** Zeros seen at the end. */
  #zeroBytes = 0;
  #readBytes = 0;

  constructor(key: string, handler: TarHandler) {
    this.#key = key;
    this.#handler = handler;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#take(bytes, at);
    this.#readBytes += bytes.length;
  }

  /** The stream is over. @throws when it ends before the end mark of two zero blocks. */
  end(): void {
    if (this.#where !== "end" || this.#zeroBytes < 2 * tarBlock)
      throw damaged(this.#key, `ends too early, after ${this.#readBytes} bytes of content`);
  }

  /** Uses some bytes from `at` on; says how many. */
  #take(bytes: Uint8Array, at: number): number {
    const available = bytes.length - at;
    if (this.#where === "content") {
      const count = Math.min(this.#left, available);
      this.#handler.data(bytes.subarray(at, at + count));
      this.#left -= count;
      if (this.#left === 0) this.#closeMember();
      return count;
    }
    if (this.#where === "padding") {
      const count = Math.min(this.#left, available);
      this.#left -= count;
      if (this.#left === 0) this.#where = "header";
      return count;
    }
    if (this.#where === "extension") return this.#takeExtension(bytes, at);
    return this.#where === "end" ? this.#takeZeros(bytes, at) : this.#takeBlock(bytes, at);
  }

  #takeBlock(bytes: Uint8Array, at: number): number {
    const count = Math.min(tarBlock - this.#held, bytes.length - at);
    this.#block.set(bytes.subarray(at, at + count), this.#held);
    this.#held += count;
    if (this.#held < tarBlock) return count;
    this.#held = 0;
    if (this.#block.every((byte) => byte === 0)) {
      this.#where = "end";
      this.#zeroBytes = tarBlock;
    } else this.#openMember();
    return count;
  }

  #takeZeros(bytes: Uint8Array, at: number): number {
    for (let i = at; i < bytes.length; i += 1) {
      if (bytes[i] !== 0) throw damaged(this.#key, "something stands behind the end of the tar stream");
    }
    this.#zeroBytes += bytes.length - at;
    return bytes.length - at;
  }

  #openMember(): void {
    const header = readTarHeader(this.#block, this.#key);
    if (/[xgLK]/.test(header.type)) {
      if (header.sizeBytes > extensionLimitBytes) throw damaged(this.#key, "a tar extension record is too large");
      this.#extension = { type: header.type, bytes: Buffer.alloc(header.sizeBytes), held: 0 };
      this.#padding = paddingOf(header.sizeBytes);
      this.#where = "extension";
      if (header.sizeBytes === 0) this.#closeExtension();
      return;
    }
    const member = memberOf(header, { ...this.#global, ...this.#next }, this.#key);
    this.#next = nothing;
    this.#handler.open(member);
    this.#left = member.sizeBytes;
    this.#padding = paddingOf(member.sizeBytes);
    this.#where = "content";
    if (member.sizeBytes === 0) this.#closeMember();
  }

  #closeMember(): void {
    this.#handler.close();
    this.#skipPadding();
  }

  #takeExtension(bytes: Uint8Array, at: number): number {
    const extension = this.#extension;
    if (!extension) return 0;
    const count = Math.min(extension.bytes.length - extension.held, bytes.length - at);
    extension.bytes.set(bytes.subarray(at, at + count), extension.held);
    extension.held += count;
    if (extension.held === extension.bytes.length) this.#closeExtension();
    return count;
  }

  #closeExtension(): void {
    const { type, bytes } = this.#extension ?? { type: "", bytes: Buffer.alloc(0) };
    this.#extension = undefined;
    if (type === "g") this.#global = paxOverrides(bytes, this.#global, this.#key);
    if (type === "x") this.#next = paxOverrides(bytes, this.#next, this.#key);
    if (type === "L") this.#next = { ...this.#next, name: untilZero(bytes) };
    if (type === "K") this.#next = { ...this.#next, linkName: untilZero(bytes) };
    this.#skipPadding();
  }

  #skipPadding(): void {
    this.#left = this.#padding;
    this.#where = this.#left === 0 ? "header" : "padding";
  }
}
