import { DrawbridgeError } from "../../errors.ts";
import { parseSegmentName, segmentStart, walKind } from "./wal-names.ts";

/** What a WAL segment has to fit. Absent: learned from the segment itself. */
export interface SegmentExpectation {
  readonly systemIdentifier?: bigint | undefined;
  readonly segmentBytes?: number | undefined;
}

/** What a segment's first page says. */
export interface SegmentFacts {
  readonly systemIdentifier: bigint;
  readonly segmentBytes: number;
  readonly timeline: number;
  readonly startLsn: bigint;
}

/** Bytes of a segment that {@link readSegmentHeader} needs. */
export const segmentHeaderBytes = 40;

/**
 * Reads the long page header that every segment starts with (`xlog_internal.h`, XLogLongPageHeaderData, little endian).
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the segment.
 */
export function readSegmentHeader(head: Buffer, name: string): SegmentFacts {
  if (head.length < segmentHeaderBytes) throw invalid(name, `it has ${head.length} bytes only`);
  const magic = head.readUInt16LE(0);
  // 0xD0xx and 0xD1xx since 9.x; zeros are a segment that was never written
  if (magic >> 9 !== 0xd0 >> 1) throw invalid(name, `it is no WAL (magic ${magic.toString(16)})`);
  if ((head.readUInt16LE(2) & 0x2) === 0) throw invalid(name, "its first page has no long header");
  const segmentBytes = head.readUInt32LE(32);
  if (segmentBytes < 1024 * 1024 || segmentBytes > 1024 ** 3 || (segmentBytes & (segmentBytes - 1)) !== 0) {
    throw invalid(name, `it says that segments have ${segmentBytes} bytes`);
  }
  return {
    systemIdentifier: head.readBigUInt64LE(24),
    segmentBytes,
    timeline: head.readUInt32LE(4),
    startLsn: head.readBigUInt64LE(8),
  };
}

/**
 * Proves that a segment is what its name says, of the right cluster and whole, before PostgreSQL sees it: a short file
 * would stall recovery without a word, a strange one would stop the server.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the segment and what is wrong.
 */
export function checkSegment(
  head: Buffer,
  sizeBytes: number,
  name: string,
  expected: SegmentExpectation,
): SegmentFacts {
  const facts = readSegmentHeader(head, name);
  const segmentBytes = expected.segmentBytes ?? facts.segmentBytes;
  if (facts.segmentBytes !== segmentBytes) {
    throw invalid(name, `it says that segments have ${facts.segmentBytes} bytes, the cluster has ${segmentBytes}`);
  }
  if (sizeBytes !== segmentBytes) throw invalid(name, `it has ${sizeBytes} bytes instead of ${segmentBytes}`);
  if (expected.systemIdentifier !== undefined && facts.systemIdentifier !== expected.systemIdentifier) {
    throw invalid(name, `it is of cluster ${facts.systemIdentifier}, not of ${expected.systemIdentifier}`);
  }
  if (walKind(name) !== "segment") return facts;
  if (facts.startLsn !== segmentStart(name, segmentBytes))
    throw invalid(name, "its page address is of another segment");
  // the first page may be a copy from the parent timeline, never from a later one
  if (facts.timeline > parseSegmentName(name, segmentBytes).timeline) {
    throw invalid(name, `it is of timeline ${facts.timeline}`);
  }
  return facts;
}

/** Checks a history file: lines of `<timeline> TAB <lsn> TAB <reason>`. @throws DrawbridgeError `DB_ARCHIVE_INVALID`. */
export function checkHistory(text: string, name: string): void {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const good = lines.length > 0 && lines.every((line) => /^\s*\d+\s+[0-9A-F]+\/[0-9A-F]+/i.test(line));
  if (!good) throw invalid(name, "it is not a history file");
}

function invalid(name: string, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name}: ${what}`);
}
