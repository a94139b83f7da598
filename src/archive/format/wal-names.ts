import { DrawbridgeError } from "../../errors.ts";

/** What a file in a WAL archive is, by its name. */
export type WalKind = "segment" | "history" | "backup" | "partial" | "other";

/** A position in the WAL of one timeline, told by a segment's name. */
export interface SegmentPosition {
  readonly timeline: number;
  /** Number of the segment since the start of the WAL (not the name's last eight digits). */
  readonly number: bigint;
}

/** 16 MiB: what almost every cluster has. The true size comes from `pg_control` or from a segment's first page. */
export const usualSegmentBytes = 16 * 1024 * 1024;

const segmentPattern = /^[0-9A-F]{24}$/;

/** Says what an archived file is. */
export function walKind(name: string): WalKind {
  if (segmentPattern.test(name)) return "segment";
  if (/^[0-9A-F]{8}\.history$/.test(name)) return "history";
  if (/^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/.test(name)) return "backup";
  if (/^[0-9A-F]{24}\.partial$/.test(name)) return "partial";
  return "other";
}

/** The name of an object under `wal_005/`, taken apart. */
export interface WalObjectName {
  /** The file that PostgreSQL archived. */
  readonly name: string;
  /** What the archiving tool appended for its compression; `undefined`: nothing. */
  readonly extension: string | undefined;
}

/**
 * Takes an object's name apart; `undefined` for what holds no WAL file, as WAL-G's `<segment>.json` and `<segment>_delta.lz4`.
 * Any other extension counts, known or not: a segment that we cannot read is not a missing one.
 */
export function parseWalObject(objectName: string): WalObjectName | undefined {
  const match = /^([0-9A-F]{8}\.history|[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?)(?:\.(.+))?$/.exec(objectName);
  if (match?.[1] === undefined || match[2] === "json") return undefined;
  return { name: match[1], extension: match[2] };
}

/** Takes a segment's name apart. @throws DrawbridgeError `DB_BAD_INPUT` when it is not one. */
export function parseSegmentName(name: string, segmentBytes: number): SegmentPosition {
  if (!segmentPattern.test(name)) throw new DrawbridgeError("DB_BAD_INPUT", `${name} is not a WAL segment's name`);
  const log = BigInt(`0x${name.slice(8, 16)}`);
  const seg = BigInt(`0x${name.slice(16)}`);
  return { timeline: Number.parseInt(name.slice(0, 8), 16), number: log * segmentsPerLog(segmentBytes) + seg };
}

/** The name of segment `number` on `timeline`: timeline, log and segment, eight upper-case hex digits each. */
export function segmentName(position: SegmentPosition, segmentBytes: number): string {
  const perLog = segmentsPerLog(segmentBytes);
  return hex8(BigInt(position.timeline)) + hex8(position.number / perLog) + hex8(position.number % perLog);
}

/** The segment that holds the byte at `lsn`. */
export function segmentAt(timeline: number, lsn: bigint, segmentBytes: number): string {
  return segmentName({ timeline, number: lsn / BigInt(segmentBytes) }, segmentBytes);
}

/** The segment that holds the last byte before `lsn`: where a backup that stops at `lsn` ends. */
export function segmentBefore(timeline: number, lsn: bigint, segmentBytes: number): string {
  return segmentAt(timeline, lsn - 1n, segmentBytes);
}

/** LSN of a segment's first byte. */
export function segmentStart(name: string, segmentBytes: number): bigint {
  return parseSegmentName(name, segmentBytes).number * BigInt(segmentBytes);
}

/** The segment that follows on the same timeline. */
export function nextSegment(name: string, segmentBytes: number): string {
  const at = parseSegmentName(name, segmentBytes);
  return segmentName({ timeline: at.timeline, number: at.number + 1n }, segmentBytes);
}

/** All segments from `first` to `last`, both included, on `first`'s timeline. */
export function segmentRange(first: string, last: string, segmentBytes: number): string[] {
  const from = parseSegmentName(first, segmentBytes);
  const to = parseSegmentName(last, segmentBytes).number;
  const names: string[] = [];
  for (let number = from.number; number <= to; number += 1n) {
    names.push(segmentName({ timeline: from.timeline, number }, segmentBytes));
  }
  return names;
}

/** `16/B374D848` as a number. @throws DrawbridgeError `DB_BAD_INPUT`. */
export function parseWalLsn(text: string): bigint {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (!match) throw new DrawbridgeError("DB_BAD_INPUT", `${text} is not an LSN`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** A number as `16/B374D848`. */
export function formatWalLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

/** A base backup's name, taken apart. */
export interface BackupNameParts {
  readonly startSegment: string;
  readonly timeline: number;
  /** WAL-E only: offset of the start in its segment. Looks like hex, is decimal. */
  readonly startOffsetBytes: number | undefined;
  readonly isDelta: boolean;
}

/** Reads `base_<SEGMENT>[_<OFFSET8, decimal>]` (WAL-E) and `base_<SEGMENT>[_D_<SEGMENT>]` (WAL-G); `undefined` for other names. */
export function parseBackupName(name: string): BackupNameParts | undefined {
  const match = /^base_([0-9A-F]{24})(?:_(\d{8}))?(_D_[0-9A-F]{24}(?:_\d{8})?)?$/.exec(name);
  const startSegment = match?.[1];
  if (!match || startSegment === undefined) return undefined;
  return {
    startSegment,
    timeline: Number.parseInt(startSegment.slice(0, 8), 16),
    startOffsetBytes: match[2] === undefined ? undefined : Number.parseInt(match[2], 10),
    isDelta: match[3] !== undefined,
  };
}

/** The name that WAL-E gives a backup starting at `lsn`. */
export function backupName(timeline: number, lsn: bigint, segmentBytes: number): string {
  const offset = (lsn % BigInt(segmentBytes)).toString().padStart(8, "0");
  return `base_${segmentAt(timeline, lsn, segmentBytes)}_${offset}`;
}

function segmentsPerLog(segmentBytes: number): bigint {
  return 0x1_0000_0000n / BigInt(segmentBytes);
}

function hex8(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}
