import { DrawbridgeError } from "../../errors.ts";
import type { limitNames } from "./conf-files.ts";

/** What the control file says of the server that wrote the archive's WAL, beyond what recovery needs. */
export interface ControlLimits {
  readonly limits: Readonly<Record<(typeof limitNames)[number], number>>;
  readonly walLevel: "minimal" | "replica" | "logical";
}

/** `pg_control.h`, floatFormat: proves that the fields before it lie where we look. */
const floatFormat = 1234567.0;

/**
 * The limits in `global/pg_control` (little endian; the offsets hold for PostgreSQL 13 to 18, `pg_control.h`). Pure.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for a file of another layout.
 */
export function parseControlLimits(bytes: Buffer): ControlLimits {
  if (bytes.length < 512 || bytes.readDoubleLE(208) !== floatFormat) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", "global/pg_control has a layout that is not known here");
  }
  const level = (["minimal", "replica", "logical"] as const)[bytes.readInt32LE(172)];
  return {
    walLevel: level ?? "replica",
    limits: {
      max_connections: bytes.readInt32LE(180),
      max_worker_processes: bytes.readInt32LE(184),
      max_wal_senders: bytes.readInt32LE(188),
      max_prepared_transactions: bytes.readInt32LE(192),
      max_locks_per_transaction: bytes.readInt32LE(196),
    },
  };
}
