import { closeSync, fchownSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { DrawbridgeError } from "../../errors.ts";
import { createDecoder } from "../codec/decoder.ts";
import { sniff, sniffedBytes } from "../codec/sniff.ts";
import {
  checkSegment,
  readSegmentHeader,
  segmentHeaderBytes,
  type SegmentExpectation,
  type SegmentFacts,
} from "../format/segment-check.ts";
import { parseHistory } from "../format/timeline-history.ts";
import { usualSegmentBytes, walKind } from "../format/wal-names.ts";
import type { Owner } from "../server/owned-file.ts";
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

/** What a file was found to be. */
export interface DecodedWal {
  readonly sizeBytes: number;
  /** Of a segment. */
  readonly facts: SegmentFacts | undefined;
  /** Of a history file: its text. */
  readonly history: string | undefined;
}

/** Bytes of one write; see file-writer.ts for why it is not more. */
const writeBytes = 128 * 1024;

/** Longest history, `.backup` or other small file that is believed. */
const smallBytes = 4 * 1024 * 1024;

/** One per thread: a segment is decoded into it, checked in it and written from it. */
let buffer = Buffer.alloc(0);

/**
 * Decodes one WAL object in this thread, proves its content, and writes it only then. Synchronous writes: meant for a worker.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the object and what is wrong with it.
 */
export function decodeWal(job: DecodeJob): DecodedWal {
  const { source: from } = job;
  const source = typeof from === "string" ? readFileSync(from) : Buffer.from(from.memory, 0, from.length);
  const content = decodeWhole(job, source);
  const kind = walKind(job.name);
  let facts: SegmentFacts | undefined;
  let history: string | undefined;
  if (kind === "segment") facts = checkSegment(content, job.name, job.expected);
  else if (kind === "partial") readSegmentHeader(content, job.name);
  else if (kind === "history") parseHistory((history = content.toString("utf8")), job.name);
  else if (content.length === 0) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${job.key} is empty`);
  if (job.keep !== undefined) writeWhole(job.keep, source, {});
  if (job.dest !== undefined) writeWhole(job.dest, content, job);
  return { sizeBytes: content.length, facts, history };
}

function decodeWhole(job: DecodeJob, source: Buffer): Buffer {
  const isSegment = ["segment", "partial"].includes(walKind(job.name));
  let limit = isSegment ? job.expected.segmentBytes : smallBytes;
  let length = 0;
  const take = (chunk: Uint8Array): void => {
    const needed = length + chunk.length;
    if (buffer.length < needed) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * buffer.length, limit ?? usualSegmentBytes));
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    buffer.set(chunk, length);
    length = needed;
    if (limit === undefined && length >= segmentHeaderBytes) {
      limit = readSegmentHeader(buffer.subarray(0, length), job.name).segmentBytes;
    }
    // one byte too many is enough to know: the rest may be endless
    if (limit !== undefined && length > limit) {
      throw new DrawbridgeError(
        "DB_ARCHIVE_INVALID",
        `WAL file ${job.name}: it has more than ${limit} bytes (${job.key})`,
      );
    }
  };
  const decoder = createDecoder(sniff(job.key, source.subarray(0, sniffedBytes)), job.key, take);
  decoder.push(source);
  decoder.end();
  return buffer.subarray(0, length);
}

function writeWhole(path: string, bytes: Buffer, { owner, sync }: Pick<DecodeJob, "owner" | "sync">): void {
  const file = openSync(path, "wx", 0o600);
  try {
    if (owner) fchownSync(file, owner.uid, owner.gid);
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, Math.min(writeBytes, bytes.length - at));
    if (sync === true) fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}
