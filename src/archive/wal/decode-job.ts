import {
  closeSync,
  fchownSync,
  fdatasyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { createDecoder } from "../codec/decoder.ts";
import { sniff, sniffedBytes } from "../codec/sniff.ts";
import type { SegmentExpectation } from "../format/segment-check.ts";
import type { Owner } from "../server/owned-file.ts";
import { checkContent, type DecodedWal } from "./content-check.ts";
import { type Placement, placeSegments } from "./place-segment.ts";
import type { HeldObject } from "./read-object.ts";

/** One WAL object to be decoded and proven, in the form in which it goes to a worker. */
export interface DecodeJob {
  /** Of the object, for messages; its extension says how it is compressed. */
  readonly key: string;
  /** The file that it holds. */
  readonly name: string;
  /** The object's bytes, which must not change meanwhile, or a file that has them. */
  readonly source: HeldObject | string;
  readonly expected: SegmentExpectation;
  /** Where it is written to. Absent: the content is only checked. */
  readonly dest?: NewFile | undefined;
  /** A second name for what is written, to serve it again without asking the archive. Whoever reads it there has to prove it anew. */
  readonly keep?: string | undefined;
  readonly owner?: Owner | undefined;
  /** Whether the file has to outlive a power loss from here on. */
  readonly sync?: boolean | undefined;
  /** Whether it goes on into a server's `pg_wal`. */
  readonly place?: Placement | undefined;
}

/** A file that gets its name when it is whole; `half` does not exist yet, and is on the same file system. */
export interface NewFile {
  readonly half: string;
  readonly whole: string;
}

/** What came of a job. */
export interface Decoded extends DecodedWal {
  /** Whether the server finds it in its `pg_wal`. */
  readonly isPlaced: boolean;
}

/** Bytes of one write; see out-file.ts for why it is not more. */
const writeBytes = 128 * 1024;

/**
 * Decodes one WAL object in this thread, piece by piece: each is proven and written while it lies in the processor's cache.
 * What is not whole and right leaves no file. Synchronous writes: meant for a worker.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the file and what is wrong with it.
 */
export function decodeWal(job: DecodeJob): Decoded {
  const { source: from, key, name, dest, place } = job;
  const source = typeof from === "string" ? readFileSync(from) : Buffer.from(from.memory, 0, from.length);
  const check = checkContent(name, job.expected);
  const output = dest === undefined ? undefined : new Output(dest, job);
  try {
    const decoder = createDecoder(sniff(key, source.subarray(0, sniffedBytes)), key, (piece) => {
      check.push(piece);
      output?.write(piece);
    });
    decoder.push(source);
    decoder.end();
    const decoded = check.end();
    output?.finish(job.keep);
    return { ...decoded, isPlaced: place !== undefined && placeSegments(place, [name]).length > 0 };
  } catch (fault) {
    output?.discard();
    throw fault;
  }
}

class Output {
  readonly #path: NewFile;
  readonly #file: number;
  readonly #sync: boolean;
  #isOpen = true;

  constructor(path: NewFile, { owner, sync = false }: Pick<DecodeJob, "owner" | "sync">) {
    this.#path = path;
    this.#sync = sync;
    this.#file = openSync(path.half, "wx", 0o600);
    if (owner) fchownSync(this.#file, owner.uid, owner.gid);
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const left = bytes.length - at;
      // decoders give a little more than they are asked for: that is no write of its own
      at += writeSync(this.#file, bytes, at, left < 2 * writeBytes ? left : writeBytes);
    }
  }

  /** `keep`: gets the name before the other one, from which it may be taken away at once. */
  finish(keep?: string): void {
    if (this.#sync) fdatasyncSync(this.#file);
    this.#close();
    if (keep !== undefined) this.#linkAs(keep);
    renameSync(this.#path.half, this.#path.whole);
  }

  /** Also after a `finish` that failed, or was in vain. */
  discard(): void {
    this.#close();
    rmSync(this.#path.half, { force: true });
  }

  /** A convenience: what is not kept, for want of hard links or of leave to make them, is fetched again. */
  #linkAs(keep: string): void {
    try {
      rmSync(keep, { force: true });
      linkSync(this.#path.half, keep);
    } catch (fault) {
      if (!(fault instanceof Error && "code" in fault)) throw fault;
    }
  }

  /** Once: the number may be another thread's file by then. */
  #close(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }
}
