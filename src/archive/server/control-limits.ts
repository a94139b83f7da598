import { readFile } from "node:fs/promises";
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
 * Reads the limits out of `global/pg_control` (little endian; the offsets hold for PostgreSQL 13 to 18, `pg_control.h`).
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for a file of another layout.
 */
export async function readControlLimits(path: string): Promise<ControlLimits> {
  const bytes = await readFile(path);
  if (bytes.length < 512 || bytes.readDoubleLE(248) !== floatFormat) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${path} is a control file of an unknown layout`);
  }
  const level = (["minimal", "replica", "logical"] as const)[bytes.readInt32LE(212)];
  return {
    walLevel: level ?? "replica",
    limits: {
      max_connections: bytes.readInt32LE(220),
      max_worker_processes: bytes.readInt32LE(224),
      max_wal_senders: bytes.readInt32LE(228),
      max_prepared_transactions: bytes.readInt32LE(232),
      max_locks_per_transaction: bytes.readInt32LE(236),
    },
  };
}
