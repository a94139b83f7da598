import { DrawbridgeError } from "../../errors.ts";
import { parseSegmentName, segmentStart } from "./wal-names.ts";

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
 * somewhere on would look like the end of the WAL.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the segment and the rule that it breaks.
 */
export function checkSegment(bytes: Buffer, name: string, expected: SegmentExpectation): SegmentFacts {
  const facts = readSegmentHeader(bytes, name);
  checkFacts(facts, name, expected);
  if (bytes.length !== facts.segmentBytes) {
    throw invalid(name, `it has ${bytes.length} bytes instead of ${facts.segmentBytes}`);
  }
  checkPages(bytes, name, facts);
  return facts;
}

/** The part of {@link checkSegment} that the first page alone can tell. @throws DrawbridgeError `DB_ARCHIVE_INVALID`. */
export function checkFacts(facts: SegmentFacts, name: string, expected: SegmentExpectation): void {
  const segmentBytes = expected.segmentBytes ?? facts.segmentBytes;
  if (facts.segmentBytes !== segmentBytes) {
    throw invalid(name, `it says that segments have ${facts.segmentBytes} bytes, the cluster has ${segmentBytes}`);
  }
  if (expected.systemIdentifier !== undefined && facts.systemIdentifier !== expected.systemIdentifier) {
    throw invalid(name, `it is of cluster ${facts.systemIdentifier}, not of ${expected.systemIdentifier}`);
  }
  if (facts.startLsn !== segmentStart(name, segmentBytes)) {
    throw invalid(name, "its page address is of another segment");
  }
  // pages up to a fork are copies from the parent timeline, never from a later one; there is no timeline 0
  if (facts.timeline === 0 || facts.timeline > parseSegmentName(name, segmentBytes).timeline) {
    throw invalid(name, `it is of timeline ${facts.timeline}`);
  }
}

/** Every page behind the first: WAL of the right place, or, once a switch has ended the segment early, nothing but zeros. */
function checkPages(bytes: Buffer, name: string, facts: SegmentFacts): void {
  const { pageBytes, magic } = facts;
  const newest = parseSegmentName(name, facts.segmentBytes).timeline;
  let { timeline } = facts;
  for (let at = pageBytes; at < bytes.length; at += pageBytes) {
    const where = `page ${at / pageBytes}`;
    const found = bytes.readUInt16LE(at);
    if (found === 0) return checkZeroTail(bytes, at, name, facts);
    if (found !== magic) throw invalid(name, `${where} is no WAL of this version (magic ${found.toString(16)})`);
    if (bytes.readBigUInt64LE(at + 8) !== facts.startLsn + BigInt(at)) {
      throw invalid(name, `${where} has the page address of another place`);
    }
    if ((bytes.readUInt16LE(at + 2) & longHeader) !== 0) throw invalid(name, `${where} has a long header`);
    const itsTimeline = bytes.readUInt32LE(at + 4);
    if (itsTimeline < timeline || itsTimeline > newest) throw invalid(name, `${where} is of timeline ${itsTimeline}`);
    timeline = itsTimeline;
  }
}

const zeros = Buffer.alloc(64 * 1024);
/** `pg_control.h`: XLOG_SWITCH of resource manager 0. */
const switchInfo = 0x40;

/**
 * A segment ended early (`archive_timeout`, `pg_switch_wal`, shutdown) has a switch record and then zeros (`xlog.c`,
 * CopyXLogRecordToWAL). The record is a bare 24-byte header at a multiple of 8: its info byte, which is not zero, starts the
 * last 8 bytes. Zeros behind anything else are a segment that was not written to its end.
 */
function checkZeroTail(bytes: Buffer, from: number, name: string, { pageBytes }: SegmentFacts): void {
  const page = from / pageBytes;
  for (let at = from; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (!part.equals(zeros.subarray(0, part.length)))
      throw invalid(name, `page ${page} is empty, but not what follows it`);
  }
  let last = from - 1;
  while (last > from - pageBytes && bytes[last] === 0) last -= 1;
  const infoAt = last - (last % 8);
  const isRecord = infoAt % pageBytes >= pageHeaderBytes && bytes[infoAt] === switchInfo && bytes[infoAt + 1] === 0;
  if (!isRecord) throw invalid(name, `it is empty from page ${page} on, without a switch record before it`);
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}

function invalid(name: string, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name}: ${what}`);
}
