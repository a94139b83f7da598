import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import { codeOf, diskFault } from "./disk-fault.ts";
import type { ExtractionTarget } from "./extract.ts";
import { tablespaceOf } from "./member-fate.ts";
import { openOut, outMemory, type OutFile, type OutMemory } from "./out-file.ts";

/** How files are opened. */
export interface FileWriterOptions {
  readonly target: ExtractionTarget;
  /** The object the files come from, for errors. */
  readonly key: string;
  /** Whether a file that is there already is a mistake of the archive (two parts with one name) or left from an earlier try. */
  readonly existing: "refused" | "replaced";
  /** Whether large files are written past the page cache; not unless told. */
  readonly direct?: boolean | undefined;
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
  readonly #memory: OutMemory;
  #file: OutFile | undefined;
  #name = "";
  /** Bytes written to files so far. */
  writtenBytes = 0;

  /** `shared` lets the writers of one thread use one memory. */
  constructor(options: FileWriterOptions, shared = sharedMemory()) {
    this.#options = options;
    this.#madeDirs = shared.madeDirs;
    this.#memory = shared.memory;
  }

  /** Opens a file under its restored name; it is going to have `sizeBytes`. */
  open(name: string, sizeBytes: number): void {
    const { target, existing, direct = false } = this.#options;
    const path = placeOf(name, target);
    this.#name = name;
    this.#guarded(() => {
      this.#makePath(dirname(path));
      const exclusive = existing === "refused";
      this.#file = openOut(path, { exclusive, owner: target.owner, sizeBytes, direct }, this.#memory);
    });
  }

  write(bytes: Uint8Array): void {
    this.#guarded(() => this.#file?.write(bytes));
    this.writtenBytes += bytes.length;
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    this.#guarded(() => file?.close());
  }

  /** Gives up the file that is open; it stays half. */
  abandon(): void {
    this.#file?.abandon();
    this.#file = undefined;
  }

  makeDir(name: string): void {
    this.#name = name;
    this.#guarded(() => this.#makePath(placeOf(name, this.#options.target)));
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

/** What the writers of one thread share: directories made already, and memory to gather in. */
export interface SharedMemory {
  readonly madeDirs: Set<string>;
  readonly memory: OutMemory;
}

export function sharedMemory(): SharedMemory {
  return { madeDirs: new Set(), memory: outMemory() };
}
