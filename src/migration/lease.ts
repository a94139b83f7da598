import { DrawbridgeError } from "../errors.ts";
import type { Fencing } from "../journal/fenced.ts";
import type { Journal } from "../journal/open.ts";

/** First key of the advisory locks that are leases; the second is `hashtext(migration)`. */
export const leaseClass = 7306;

/** The right to run one migration, for as long as one connection lives (law 2). */
export interface Lease extends Fencing, AsyncDisposable {
  /** Aborts with `DB_LEASE_LOST` the moment the lease's connection is gone. */
  readonly lost: AbortSignal;
  /** Asks the journal. @throws DrawbridgeError `DB_LEASE_LOST` unless this lease is still the newest and its lock held. */
  assert(): Promise<void>;
}

/**
 * Takes the migration's lease and its next fencing epoch, or returns `undefined` when another worker has it. The lock
 * lives in a session of its own: in a shared one it would be re-entrant.
 */
export async function takeLease(journal: Journal, migrationId: string): Promise<Lease | undefined> {
  const session = await journal.session("lease");
  try {
    const [lock] = await session.query<{ taken: boolean }>(
      "select pg_try_advisory_lock($1::integer, hashtext($2)) as taken",
      [leaseClass, migrationId],
    );
    if (!lock?.taken) {
      await session.close();
      return undefined;
    }
    const [row] = await session.query<{ epoch: string }>(
      "update journal.migration set epoch = epoch + 1 where id = $1 returning epoch",
      [migrationId],
    );
    if (!row) throw new DrawbridgeError("DB_JOURNAL_CONFLICT", `there is no migration ${migrationId}`);
    const epoch = BigInt(row.epoch);
    const lost = new AbortController();
    const lose = (cause?: unknown): DrawbridgeError => {
      const error = new DrawbridgeError("DB_LEASE_LOST", `the lease on ${migrationId} is lost (epoch ${epoch})`, {
        cause,
      });
      if (!lost.signal.aborted) lost.abort(error);
      return error;
    };
    session.lost.addEventListener("abort", () => lose(session.lost.reason), { once: true });
    return {
      migrationId,
      epoch,
      lost: lost.signal,
      assert: async () => {
        lost.signal.throwIfAborted();
        const rows = await session
          .query("select id from journal.migration where id = $1 and epoch = $2", [migrationId, epoch])
          .catch((cause: unknown) => Promise.reject(lose(cause)));
        if (rows.length === 0) throw lose();
      },
      [Symbol.asyncDispose]: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}
