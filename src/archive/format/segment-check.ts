import { DrawbridgeError } from "../../errors.ts";
import { timelineOf } from "./timeline-history.ts";
import { segmentStart } from "./wal-names.ts";

/** What a WAL segment has to fit. Absent: learned from the segment itself. */
export interface SegmentExpectation {
  readonly systemIdentifier?: bigint | undefined;
  readonly segmentBytes?: number | undefined;
}

/** What a segment's first page says. */
export interface SegmentFacts {
  readonly systemIdentifier: bigint;
  readonly segmentBytes: number;
  readonly pageBytes: number;
  /** `xlp_magic`: one per major version (D110 is PostgreSQL 15). */
  readonly magic: number;
  readonly timeline: number;
  readonly startLsn: bigint;
}

/** Bytes of a segment that {@link readSegmentHeader} needs. */
export const segmentHeaderBytes = 40;

const pageHeaderBytes = 24;
const longHeader = 0x2;

/**
 * Reads the long page header that every segment starts with (`xlog_internal.h`, XLogLongPageHeaderData, little endian).
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the segment.
 */
export function readSegmentHeader(head: Buffer, name: string): SegmentFacts {
  if (head.length < segmentHeaderBytes) throw invalid(name, `it has ${head.length} bytes only`);
  const magic = head.readUInt16LE(0);
  // 0xD0xx and 0xD1xx since 9.x; zeros are a segment that was never written
  if (magic >> 9 !== 0xd0 >> 1) throw invalid(name, `it is no WAL (magic ${magic.toString(16)})`);
  if ((head.readUInt16LE(2) & longHeader) === 0) throw invalid(name, "its first page has no long header");
  const segmentBytes = head.readUInt32LE(32);
  if (!isPowerOfTwo(segmentBytes, 1024 * 1024, 1024 ** 3)) {
    throw invalid(name, `it says that segments have ${segmentBytes} bytes`);
  }
  const pageBytes = head.readUInt32LE(36);
  if (!isPowerOfTwo(pageBytes, 1024, 64 * 1024)) throw invalid(name, `it says that pages have ${pageBytes} bytes`);
  return {
    systemIdentifier: head.readBigUInt64LE(24),
    segmentBytes,
    pageBytes,
    magic,
    timeline: head.readUInt32LE(4),
    startLsn: head.readBigUInt64LE(8),
  };
}

/**
 * Proves that a whole segment is what its name says, of the right cluster, and WAL up to its end, before PostgreSQL sees it:
 * a short file would stall recovery without a word, a strange one would stop the server, and one that is empty from
 * somewhere on would look like the end of the WAL. Takes the content in order, in pieces of any size, and keeps a page of it.
 */
export class SegmentCheck {
  readonly #name: string;
  readonly #expected: SegmentExpectation;
  readonly #newestTimeline: number;
  #facts: SegmentFacts | undefined;
  /** Bytes behind the last whole page. */
  #rest = Buffer.alloc(0);
  /** The page before the one that comes next. */
  #lastPage = Buffer.alloc(0);
  /** Bytes of whole pages so far. */
  #at = 0;
  /** Both halves of the first page's address. */
  #startLow = 0;
  #startHigh = 0;
  /** Timeline of the page before. */
  #timeline = 0;
  #emptyFrom: number | undefined;
  /** What is wrong with the place that an empty tail begins at, unless worse comes to light. */
  #badTail: DrawbridgeError | undefined;

  constructor(name: string, expected: SegmentExpectation) {
    this.#name = name;
    this.#expected = expected;
    this.#newestTimeline = timelineOf(name);
  }

  /** The next bytes; they belong to the caller again afterwards. @throws DrawbridgeError `DB_ARCHIVE_INVALID`, also for too many. */
  push(piece: Uint8Array): void {
    let bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    if (this.#facts === undefined) {
      bytes = this.#rest = Buffer.concat([this.#rest, bytes]);
      if (bytes.length < segmentHeaderBytes) return;
      this.#rest = Buffer.alloc(0);
      this.#facts = this.#begin(bytes);
    }
    const { pageBytes } = this.#facts;
    if (this.#rest.length > 0) {
      const missing = pageBytes - this.#rest.length;
      this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, missing)]);
      if (this.#rest.length < pageBytes) return;
      bytes = bytes.subarray(missing);
      this.#pages(this.#rest, this.#facts);
    }
    const whole = bytes.length - (bytes.length % pageBytes);
    this.#pages(bytes.subarray(0, whole), this.#facts);
    this.#rest = Buffer.from(bytes.subarray(whole));
    this.#expectNoMore(this.#rest.length, this.#facts);
  }

  /** The content is over. @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the segment and the rule that it breaks. */
  end(): SegmentFacts {
    const bytes = this.#at + this.#rest.length;
    if (this.#facts === undefined) throw this.#invalid(`it has ${bytes} bytes only`);
    if (bytes !== this.#facts.segmentBytes) {
      throw this.#invalid(`it has ${bytes} bytes instead of ${this.#facts.segmentBytes}`);
    }
    if (this.#badTail) throw this.#badTail;
    return this.#facts;
  }

  /** What the first page alone can tell. */
  #begin(head: Buffer): SegmentFacts {
    const facts = readSegmentHeader(head, this.#name);
    const segmentBytes = this.#expected.segmentBytes ?? facts.segmentBytes;
    if (facts.segmentBytes !== segmentBytes) {
      throw this.#invalid(`it says that segments have ${facts.segmentBytes} bytes, the cluster has ${segmentBytes}`);
    }
    const { systemIdentifier = facts.systemIdentifier } = this.#expected;
    if (facts.systemIdentifier !== systemIdentifier) {
      throw this.#invalid(`it is of cluster ${facts.systemIdentifier}, not of ${systemIdentifier}`);
    }
    if (facts.startLsn !== segmentStart(this.#name, segmentBytes)) {
      throw this.#invalid("its page address is of another segment");
    }
    // pages up to a fork are copies from the parent timeline, never from a later one; there is no timeline 0
    if (facts.timeline === 0 || facts.timeline > this.#newestTimeline) {
      throw this.#invalid(`it is of timeline ${facts.timeline}`);
    }
    this.#startLow = head.readUInt32LE(8);
    this.#startHigh = head.readUInt32LE(12);
    return facts;
  }

  /** Whole pages: WAL of the right place, or, once a switch has ended the segment early, nothing but zeros. */
  #pages(bytes: Buffer, facts: SegmentFacts): void {
    if (bytes.length === 0) return;
    const { pageBytes } = facts;
    this.#expectNoMore(bytes.length, facts);
    for (let at = 0; at < bytes.length && this.#emptyFrom === undefined; at += pageBytes) {
      if (bytes.readUInt16LE(at) === 0)
        this.#expectSwitch(at === 0 ? this.#lastPage : bytes.subarray(at - pageBytes, at), at);
      else this.#page(bytes, at, facts);
    }
    if (this.#emptyFrom !== undefined)
      this.#expectZeros(bytes.subarray(Math.max(0, this.#emptyFrom - this.#at)), pageBytes);
    this.#lastPage = Buffer.from(bytes.subarray(-pageBytes));
    this.#at += bytes.length;
  }

  /** Too many are enough to know: there may be no end to them. */
  #expectNoMore(bytes: number, { segmentBytes }: SegmentFacts): void {
    if (this.#at + bytes > segmentBytes) throw this.#invalid(`it has more than ${segmentBytes} bytes`);
  }

  #page(bytes: Buffer, at: number, { magic, pageBytes }: SegmentFacts): void {
    const start = this.#at + at;
    const where = `page ${start / pageBytes}`;
    const found = bytes.readUInt16LE(at);
    if (found !== magic) throw this.#invalid(`${where} is no WAL of this version (magic ${found.toString(16)})`);
    // no segment crosses a multiple of 4 GiB: the upper half is the same on each page, and the lower one does not overflow
    if (bytes.readUInt32LE(at + 8) !== this.#startLow + start || bytes.readUInt32LE(at + 12) !== this.#startHigh) {
      throw this.#invalid(`${where} has the page address of another place`);
    }
    if (start > 0 && (bytes.readUInt16LE(at + 2) & longHeader) !== 0) throw this.#invalid(`${where} has a long header`);
    const timeline = bytes.readUInt32LE(at + 4);
    if (timeline < this.#timeline || timeline > this.#newestTimeline) {
      throw this.#invalid(`${where} is of timeline ${timeline}`);
    }
    this.#timeline = timeline;
  }

  /**
   * A segment ended early (`archive_timeout`, `pg_switch_wal`, shutdown) has a switch record and then zeros (`xlog.c`,
   * CopyXLogRecordToWAL). The record is a bare 24-byte header at a multiple of 8: its info byte, which is not zero, starts the
   * last 8 bytes. Zeros behind anything else are a segment that was not written to its end.
   */
  #expectSwitch(before: Buffer, at: number): void {
    this.#emptyFrom = this.#at + at;
    let last = before.length - 1;
    while (last > 0 && before[last] === 0) last -= 1;
    const infoAt = last - (last % 8);
    const isRecord = infoAt >= pageHeaderBytes && before[infoAt] === switchInfo && before[infoAt + 1] === 0;
    if (isRecord) return;
    const page = this.#emptyFrom / before.length;
    this.#badTail = this.#invalid(`it is empty from page ${page} on, without a switch record before it`);
  }

  #expectZeros(bytes: Buffer, pageBytes: number): void {
    for (let at = 0; at < bytes.length; at += zeros.length) {
      const part = bytes.subarray(at, at + zeros.length);
      if (part.equals(zeros.subarray(0, part.length))) continue;
      throw this.#invalid(`page ${(this.#emptyFrom ?? 0) / pageBytes} is empty, but not what follows it`);
    }
  }

  #invalid(what: string): DrawbridgeError {
    return invalid(this.#name, what);
  }
}

const zeros = Buffer.alloc(64 * 1024);
/** `pg_control.h`: XLOG_SWITCH of resource manager 0. */
const switchInfo = 0x40;

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}

function invalid(name: string, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name}: ${what}`);
}
