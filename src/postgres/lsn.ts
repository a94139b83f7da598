import { DrawbridgeError } from "../errors.ts";

declare const lsnBrand: unique symbol;

/** A position in the write-ahead log: a byte count since the cluster was made, 64 bits. */
export type Lsn = bigint & { readonly [lsnBrand]: "Lsn" };

const form = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/**
 * Reads `16/B374D848`, the form of `pg_lsn` (two hexadecimal halves of 32 bits).
 * @throws DrawbridgeError `DB_BAD_INPUT` for any other text.
 */
export function parseLsn(text: string): Lsn {
  const halves = form.exec(text);
  if (!halves) throw new DrawbridgeError("DB_BAD_INPUT", `not a WAL position: ${JSON.stringify(text)}`);
  const lsn = (BigInt(`0x${halves[1]}`) << 32n) | BigInt(`0x${halves[2]}`);
  if (!isLsn(lsn)) throw new DrawbridgeError("DB_BAD_INPUT", `not a WAL position: ${text}`);
  return lsn;
}

function isLsn(bytes: bigint): bytes is Lsn {
  return bytes >= 0n && bytes < 1n << 64n;
}

/** Writes an LSN as PostgreSQL prints it: upper-case hexadecimal, no padding. */
export function formatLsn(lsn: Lsn): string {
  const high = (lsn >> 32n).toString(16).toUpperCase();
  const low = (lsn & 0xffffffffn).toString(16).toUpperCase();
  return `${high}/${low}`;
}

/** The later of two positions. */
export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

/** Bytes from `b` to `a` (`a - b`, as `pg_wal_lsn_diff`); negative when `a` lies before `b`. */
export function lsnDiffBytes(a: Lsn, b: Lsn): bigint {
  return a - b;
}
