import { DrawbridgeError } from "../../errors.ts";

/** What `global/pg_control` says (x86-64 and arm64, little endian; offsets tried on 14 to 18). */
export interface ControlFile {
  readonly systemIdentifier: bigint;
  /** 1300 for PostgreSQL 14 to 16, 1700 for 17, 1800 for 18. */
  readonly controlVersion: number;
  readonly catalogVersion: number;
  readonly checkpointLsn: bigint;
  readonly redoLsn: bigint;
  readonly timeline: number;
}

/**
 * Version of the control file's form by major version of PostgreSQL (`pg_control.h`, PG_CONTROL_VERSION). Those are all that
 * archives are made, restored and recovered of in tests; older ones no longer get fixes, from Heroku neither.
 */
const versions: ReadonlyMap<number, number> = new Map([
  [14, 1300],
  [15, 1300],
  [16, 1300],
  [17, 1700],
  [18, 1800],
]);

// the checksum is the last field; where that is depends on the version and lies between these
const crcFrom = 224;
const crcTo = 400;

/**
 * Reads a control file and proves its checksum, CRC-32C over all that stands before it (`pg_control.h`, ControlFileData).
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when it is damaged or none at all.
 */
export function parseControlFile(bytes: Buffer): ControlFile {
  const controlVersion = bytes.length < 512 ? 0 : bytes.readUInt32LE(8);
  if (controlVersion < 900 || controlVersion > 9999) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `global/pg_control is not a control file (${bytes.length} bytes)`);
  }
  if (!hasGoodChecksum(bytes))
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", "global/pg_control has a wrong checksum");
  return {
    systemIdentifier: bytes.readBigUInt64LE(0),
    controlVersion,
    catalogVersion: bytes.readUInt32LE(12),
    checkpointLsn: bytes.readBigUInt64LE(32),
    redoLsn: bytes.readBigUInt64LE(40),
    timeline: bytes.readUInt32LE(48),
  };
}

/** Why a control file cannot be of PostgreSQL `major`; `undefined` when it can. Pure. */
export function whyNotOfMajor(control: ControlFile, major: number): string | undefined {
  const expected = versions.get(major);
  if (Number.isNaN(major)) return "PG_VERSION does not say a version";
  if (expected === undefined) return `it is of PostgreSQL ${major}, and 14 to 18 are supported`;
  if (control.controlVersion === expected) return undefined;
  return `global/pg_control has version ${control.controlVersion}, PostgreSQL ${major} has ${expected}`;
}

function hasGoodChecksum(bytes: Buffer): boolean {
  let crc = 0xffffffff;
  for (let at = 0; at <= crcTo; at += 1) {
    if (at >= crcFrom && at % 4 === 0 && ~crc >>> 0 === bytes.readUInt32LE(at)) return true;
    crc = crc32cStep(crc, bytes[at] ?? 0);
  }
  return false;
}

/** One byte of CRC-32C (Castagnoli, reflected): bit by bit, for the few hundred bytes that there are. */
function crc32cStep(crc: number, byte: number): number {
  let next = crc ^ byte;
  for (let bit = 0; bit < 8; bit += 1) next = (next & 1) === 1 ? (next >>> 1) ^ 0x82f63b78 : next >>> 1;
  return next;
}
