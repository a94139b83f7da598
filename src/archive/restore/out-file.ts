import { closeSync, constants, fchownSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { alignedMemory } from "../codec/wasm.ts";
import type { Owner } from "../server/owned-file.ts";
import { codeOf } from "./disk-fault.ts";

/**
 * Bytes of one write through the page cache: smaller pieces are gathered to it, larger ones are cut. Writes of 64 to 256 KiB cost the
 * least kernel time; 1 MiB and more cost two to six times as much, as the page cache then takes large folios, which are the ones that a
 * virtual machine has given back to its host.
 */
const writeBytes = 128 * 1024;
/** Bytes of one write past the page cache: the thread waits for the disk each time. */
const directWriteBytes = 1024 * 1024;
/** Smaller files go through the page cache: a wait or two for the disk costs more than the copying. */
const leastDirectBytes = 4 * 1024 * 1024;
/** What length, place and memory of a direct write have to be a multiple of; devices ask for 512 or 4096 (open(2), `O_DIRECT`). */
const blockBytes = 4096;

/** A file that is written from its beginning to its end. Its methods throw what `node:fs` throws. */
export interface OutFile {
  write(bytes: Uint8Array): void;
  close(): void;
  /** Closes it; it stays half. */
  abandon(): void;
}

/** Where the files of one thread gather what is to be written; one file uses it at a time. */
export interface OutMemory {
  readonly gather: Uint8Array;
  /** Begins with a page. Absent: nothing is written past the page cache. */
  readonly direct?: Uint8Array | undefined;
}

/** How a file is made. */
export interface OutOptions {
  /** Whether a file of that name is an error (`EEXIST`), or replaced. */
  readonly exclusive: boolean;
  readonly owner: Owner | undefined;
  /** Bytes that it is going to have. */
  readonly sizeBytes: number;
  /** Whether it may be written past the page cache. */
  readonly direct: boolean;
}

export function outMemory(): OutMemory {
  let direct: Uint8Array | undefined;
  return {
    gather: Buffer.allocUnsafeSlow(writeBytes),
    // most threads never need it
    get direct() {
      return (direct ??= alignedMemory(directWriteBytes));
    },
  };
}

/** Makes a file that only its owner may read. */
export function openOut(path: string, options: OutOptions, memory: OutMemory): OutFile {
  const { O_WRONLY, O_CREAT, O_EXCL, O_TRUNC } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | (options.exclusive ? O_EXCL : O_TRUNC), 0o600);
  try {
    if (options.owner) fchownSync(fd, options.owner.uid, options.owner.gid);
    const direct = options.direct && options.sizeBytes >= leastDirectBytes ? memory.direct : undefined;
    const directFd = direct && openDirect(path);
    if (!direct || directFd === undefined) return new CachedFile(fd, memory.gather);
    return new DirectFile(directFd, fd, direct);
  } catch (fault) {
    closeSync(fd);
    throw fault;
  }
}

/** `undefined` where the file system does not know direct writes. */
function openDirect(path: string): number | undefined {
  // Node leaves O_DIRECT out where the system has none
  const { O_DIRECT, O_WRONLY } = constants as { readonly O_DIRECT?: number; readonly O_WRONLY: number };
  if (O_DIRECT === undefined) return undefined;
  try {
    return openSync(path, O_WRONLY | O_DIRECT);
  } catch (cause) {
    if (codeOf(cause) === "EINVAL") return undefined;
    throw cause;
  }
}

/** Written through the page cache, from which the kernel brings it to the disk when it likes. */
class CachedFile implements OutFile {
  readonly #fd: number;
  readonly #gather: Uint8Array;
  #held = 0;

  constructor(fd: number, gather: Uint8Array) {
    this.#fd = fd;
    this.#gather = gather;
  }

  write(bytes: Uint8Array): void {
    const rest = this.#held === 0 ? bytes : bytes.subarray(this.#keep(bytes));
    if (rest.length >= writeBytes / 2) this.#out(rest);
    else if (rest.length > 0) this.#keep(rest);
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  abandon(): void {
    closeSync(this.#fd);
  }

  /** Gathers as much as there is room for; gives how much it was. */
  #keep(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, writeBytes - this.#held);
    this.#gather.set(bytes.subarray(0, count), this.#held);
    this.#held += count;
    if (this.#held === writeBytes) this.#flush();
    return count;
  }

  #flush(): void {
    if (this.#held === 0) return;
    this.#out(this.#gather.subarray(0, this.#held));
    this.#held = 0;
  }

  #out(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, Math.min(writeBytes, bytes.length - at));
  }
}

/**
 * Written past the page cache, in whole blocks: the kernel has nothing to copy and no page to find, a tenth of the processor time of a
 * restore. The last block is filled up with zeros, and the file cut to its length.
 */
class DirectFile implements OutFile {
  /** -1: the device wants more than blocks of 4096 bytes; the rest goes through the page cache. */
  #directFd: number;
  readonly #cachedFd: number;
  readonly #memory: Uint8Array;
  #held = 0;
  #at = 0;

  constructor(directFd: number, cachedFd: number, memory: Uint8Array) {
    this.#directFd = directFd;
    this.#cachedFd = cachedFd;
    this.#memory = memory;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, this.#memory.length - this.#held);
      this.#memory.set(bytes.subarray(at, at + count), this.#held);
      this.#held += count;
      at += count;
      if (this.#held === this.#memory.length) this.#out(this.#held);
    }
  }

  close(): void {
    try {
      const sizeBytes = this.#at + this.#held;
      const blocks = Math.ceil(this.#held / blockBytes) * blockBytes;
      this.#memory.fill(0, this.#held, blocks);
      this.#out(blocks);
      if (this.#at > sizeBytes) ftruncateSync(this.#cachedFd, sizeBytes);
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    if (this.#directFd >= 0) closeSync(this.#directFd);
    this.#directFd = -1;
    closeSync(this.#cachedFd);
  }

  #out(length: number): void {
    for (let at = 0; at < length;) at += this.#some(at, length);
    this.#at += length;
    this.#held = 0;
  }

  #some(at: number, length: number): number {
    const place = this.#at + at;
    // after a write that was cut short by a full disk, say, what is left need not begin with a block
    const fd = this.#directFd >= 0 && at % blockBytes === 0 ? this.#directFd : this.#cachedFd;
    try {
      return writeSync(fd, this.#memory, at, length - at, place);
    } catch (cause) {
      if (fd !== this.#directFd || codeOf(cause) !== "EINVAL") throw cause;
      closeSync(fd);
      this.#directFd = -1;
      return 0;
    }
  }
}
