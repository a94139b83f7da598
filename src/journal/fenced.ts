import { DrawbridgeError } from "../errors.ts";
import type { Database, Queryable } from "../postgres/connect.ts";

/** Under which lease something is written (law 2). */
export interface Fencing {
  readonly migrationId: string;
  readonly epoch: bigint;
}

/**
 * Runs `fn` in a transaction that commits only if the lease of `fencing` is still the newest. The migration's row stays
 * locked until then, so no other worker can take the next epoch in between.
 * @throws DrawbridgeError `DB_LEASE_LOST` when a later lease was taken.
 */
export function fenced<T>(db: Database, fencing: Fencing, fn: (tx: Queryable) => Promise<T>): Promise<T> {
  return db.transaction(
    async (tx) => {
      await assertEpoch(tx, fencing);
      return fn(tx);
    },
    { statementTimeoutMs: 15_000, lockTimeoutMs: 10_000 },
  );
}

/** Locks the migration's row. @throws DrawbridgeError `DB_LEASE_LOST` unless `fencing.epoch` is its newest epoch. */
export async function assertEpoch(tx: Queryable, fencing: Fencing): Promise<void> {
  const rows = await tx.query("select id from journal.migration where id = $1 and epoch = $2 for no key update", [
    fencing.migrationId,
    fencing.epoch,
  ]);
  if (rows.length === 0) {
    throw new DrawbridgeError(
      "DB_LEASE_LOST",
      `epoch ${fencing.epoch} of ${fencing.migrationId} is no longer the newest`,
    );
  }
}
