import { closeSync, fchownSync, fdatasyncSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { createDecoder } from "../codec/decoder.ts";
import { sniff, sniffedBytes } from "../codec/sniff.ts";
import type { SegmentExpectation } from "../format/segment-check.ts";
import type { Owner } from "../server/owned-file.ts";
import { checkContent, type DecodedWal } from "./content-check.ts";
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
  /** A path that does not exist yet. Absent: the content is only checked. */
  readonly dest?: string | undefined;
  /** Another path, for the bytes as they came: to serve the file again without asking the archive. */
  readonly keep?: string | undefined;
  readonly owner?: Owner | undefined;
  /** Whether the file has to outlive a power loss from here on. */
  readonly sync?: boolean | undefined;
}

/** Bytes of one write; see file-writer.ts for why it is not more. */
const writeBytes = 128 * 1024;

/**
 * Decodes one WAL object in this thread, piece by piece: each is proven and written while it lies in the processor's cache.
 * What is not whole and right leaves no file. Synchronous writes: meant for a worker.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the file and what is wrong with it.
 */
export function decodeWal(job: DecodeJob): DecodedWal {
  const { source: from, key, name, dest } = job;
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
    if (job.keep !== undefined) keepObject(job.keep, source);
    output?.close();
    return decoded;
  } catch (fault) {
    output?.discard();
    throw fault;
  }
}

class Output {
  readonly #path: string;
  readonly #file: number;
  readonly #sync: boolean;

  constructor(path: string, { owner, sync = false }: Pick<DecodeJob, "owner" | "sync">) {
    this.#path = path;
    this.#sync = sync;
    this.#file = openSync(path, "wx", 0o600);
    if (owner) fchownSync(this.#file, owner.uid, owner.gid);
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(this.#file, bytes, at, Math.min(writeBytes, bytes.length - at));
    }
  }

  close(): void {
    if (this.#sync) fdatasyncSync(this.#file);
    closeSync(this.#file);
  }

  discard(): void {
    closeSync(this.#file);
    unlinkSync(this.#path);
  }
}

function keepObject(path: string, object: Buffer): void {
  const output = new Output(path, {});
  output.write(object);
  output.close();
}
