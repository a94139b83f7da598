import { open } from "node:fs/promises";
import { DrawbridgeError } from "../../errors.ts";

/** What `global/pg_control` says (x86-64 and arm64, little endian; offsets tried on 14 to 17). */
export interface ControlFile {
  readonly systemIdentifier: bigint;
  /** 1300 for PostgreSQL 13 to 16, 1700 for 17, 1800 for 18. */
  readonly controlVersion: number;
  readonly catalogVersion: number;
  readonly checkpointLsn: bigint;
  readonly redoLsn: bigint;
  readonly timeline: number;
}

/** Reads a control file. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when it cannot be one. */
export async function readControlFile(path: string): Promise<ControlFile> {
  await using file = await open(path, "r");
  const bytes = Buffer.alloc(8192);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  const controlVersion = bytes.readUInt32LE(8);
  if (bytesRead < 512 || controlVersion < 900 || controlVersion > 9999) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `global/pg_control is not a control file (${bytesRead} bytes)`);
  }
  return {
    systemIdentifier: bytes.readBigUInt64LE(0),
    controlVersion,
    catalogVersion: bytes.readUInt32LE(12),
    checkpointLsn: bytes.readBigUInt64LE(32),
    redoLsn: bytes.readBigUInt64LE(40),
    timeline: bytes.readUInt32LE(48),
  };
}
