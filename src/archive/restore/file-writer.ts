import { chmodSync, chownSync, closeSync, fchownSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import type { ExtractionTarget } from "./extract.ts";
import { tablespaceOf } from "./member-fate.ts";

/**
 * Bytes of one write: smaller pieces are gathered to it, larger ones are cut. Writes of 64 to 256 KiB cost the least kernel time;
 * 1 MiB and more cost two to six times as much, as the page cache then takes large folios, which are the ones that a virtual
 * machine has given back to its host.
 */
const writeBytes = 128 * 1024;

/** How files are opened. */
export interface FileWriterOptions {
  readonly target: ExtractionTarget;
  /** The object the files come from, for errors. */
  readonly key: string;
  /** Whether a file that is there already is a mistake of the archive (two parts with one name) or left from an earlier try. */
  readonly existing: "refused" | "replaced";
}

/** Where a restored name lies on this host; `pg_tblspc/<oid>/…` leads into our own tablespace directories. */
export function placeOf(name: string, target: Pick<ExtractionTarget, "into" | "tablespacesDir">): string {
  const tablespace = tablespaceOf(name);
  if (!tablespace) return name === "" ? target.into : join(target.into, name);
  return join(target.tablespacesDir, tablespace.oid, tablespace.rest);
}

/**
 * Writes one file after the other, synchronously: on a thread of its own nothing else waits, and a promise for each of a
 * million small files costs more than the write. Every method throws DrawbridgeError that names object and file.
 */
export class FileWriter {
  readonly #options: FileWriterOptions;
  readonly #madeDirs: Set<string>;
  readonly #gather: Buffer;
  #held = 0;
  #fd: number | undefined;
  #name = "";
  /** Bytes written to files so far. */
  writtenBytes = 0;

  /** `shared` lets the writers of one thread use one memory. */
  constructor(options: FileWriterOptions, shared = sharedMemory()) {
    this.#options = options;
    this.#madeDirs = shared.madeDirs;
    this.#gather = shared.gather;
  }

  /** Opens a file under its restored name. */
  open(name: string): void {
    const { target, existing } = this.#options;
    const path = placeOf(name, target);
    this.#name = name;
    this.#guarded(() => {
      this.#makePath(dirname(path));
      this.#fd = openSync(path, existing === "refused" ? "wx" : "w", 0o600);
      if (target.owner) fchownSync(this.#fd, target.owner.uid, target.owner.gid);
    });
  }

  write(bytes: Uint8Array): void {
    const rest = this.#held === 0 ? bytes : bytes.subarray(this.#keep(bytes));
    if (rest.length >= writeBytes / 2) this.#out(rest);
    else if (rest.length > 0) this.#keep(rest);
  }

  close(): void {
    this.#flush();
    this.#guarded(() => {
      if (this.#fd !== undefined) closeSync(this.#fd);
    });
    this.#fd = undefined;
  }

  /** Gives up the file that is open; it stays half. */
  abandon(): void {
    this.#held = 0;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  makeDir(name: string): void {
    this.#name = name;
    this.#guarded(() => this.#makePath(placeOf(name, this.#options.target)));
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
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#guarded(() => {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, Math.min(writeBytes, bytes.length - at));
    });
    this.writtenBytes += bytes.length;
  }

  /** Makes a directory and those above it, once. */
  #makePath(path: string): void {
    const { target } = this.#options;
    if (this.#madeDirs.has(path)) return;
    if (path !== target.into && path !== target.tablespacesDir && dirname(path) !== path) this.#makePath(dirname(path));
    try {
      mkdirSync(path, { mode: 0o700 });
      if (target.owner) chownSync(path, target.owner.uid, target.owner.gid);
      chmodSync(path, 0o700);
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST") throw cause;
    }
    this.#madeDirs.add(path);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw this.#fault(cause);
    }
  }

  #fault(cause: unknown): DrawbridgeError {
    const what = `${this.#options.key}: ${this.#name}`;
    if (codeOf(cause) === "EEXIST") return new DrawbridgeError("DB_ARCHIVE_INVALID", `${what} comes twice`, { cause });
    return diskFault(what, cause);
  }
}

/**
 * Why a member could not be made: where its name has a form that no file here can have, the archive is what is wrong;
 * anything else (no room, no right, a broken disk) is this machine's trouble, `DB_UNEXPECTED`.
 */
export function diskFault(what: string, cause: unknown): DrawbridgeError {
  const code = codeOf(cause);
  if (code !== undefined && /^(?:ERR_FS_)?(?:EEXIST|EISDIR|ENOTDIR|ENAMETOOLONG|ELOOP)$/.test(code)) {
    const words = `${what} cannot be a file or directory here (${code})`;
    return new DrawbridgeError("DB_ARCHIVE_INVALID", words, { cause });
  }
  const full = code === "ENOSPC" || code === "EDQUOT";
  const words = full ? "the disk is full" : cause instanceof Error ? cause.message : String(cause);
  return new DrawbridgeError("DB_UNEXPECTED", `${what}: ${words}`, { cause, ...(full ? { outcome: "paused" } : {}) });
}

/** What the writers of one thread share: directories made already, and a buffer for small pieces. */
export function sharedMemory(): { readonly madeDirs: Set<string>; readonly gather: Buffer } {
  return { madeDirs: new Set(), gather: Buffer.allocUnsafeSlow(writeBytes) };
}

/** `ENOSPC` and the like. */
export function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
