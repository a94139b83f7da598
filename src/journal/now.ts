import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "../postgres/connect.ts";

/**
 * Now, by the journal's clock: the one by which approvals expire and attestations age.
 * @throws DrawbridgeError `DB_UNEXPECTED` when the journal does not say; a process's own clock is no answer.
 */
export async function journalNow(db: Queryable): Promise<Date> {
  const [row] = await db.query<{ now: Date }>("select clock_timestamp() as now");
  if (!row) throw new DrawbridgeError("DB_UNEXPECTED", "the journal did not tell the time");
  return row.now;
}
