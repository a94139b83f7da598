import { DrawbridgeError, explain } from "../errors.ts";
import type { Secret } from "../redact.ts";
import { setting } from "./catalog.ts";
import type { Queryable } from "./connect.ts";
import { endFenceSessions, endOthers, openControlSession } from "./fence-sessions.ts";
import { qualified, quoteIdent } from "./identifier.ts";
import { openSession } from "./session.ts";
import { userTables } from "./tables.ts";

/** What the test before the fence found. */
export interface UnfenceTest {
  /** A fence of an earlier try stands already; lifting it was not tried. */
  readonly alreadyFenced: boolean;
  readonly tables: number;
  /** How many locks the server's shared lock table has room for, roughly. */
  readonly lockCapacity: number;
}

/**
 * Proves, before anything is fenced, that the fence can be taken away again and be set at all: sets and resets a harmless
 * setting of the database from a session like the one that will lift it, and looks at rights and lock capacity.
 * @throws DrawbridgeError `DB_FENCE_REFUSED`.
 */
export async function testUnfence(url: Secret, database: string): Promise<UnfenceTest> {
  await using session = await openControlSession(url, "unfence-test");
  const tables = (await userTables(session)).filter(({ kind }) => kind !== "foreign");
  const foreign = tables.filter(({ lockable }) => !lockable);
  if (foreign.length > 0) {
    const names = foreign.slice(0, 10).map((table) => `${qualified(table)} (owner ${table.owner})`);
    throw new DrawbridgeError(
      "DB_FENCE_REFUSED",
      `${foreign.length} tables cannot be locked by this role: ${names.join(", ")}`,
    );
  }
  const lockCapacity = await lockTableSize(session);
  if (tables.length > lockCapacity) {
    throw new DrawbridgeError(
      "DB_FENCE_REFUSED",
      `${tables.length} tables need as many locks, the server has room for ${lockCapacity}: raise max_locks_per_transaction`,
    );
  }
  const alreadyFenced = (await readOnlyDefault(session, database)) === "on";
  if (!alreadyFenced) await setAndReset(session, database);
  return { alreadyFenced, tables: tables.length, lockCapacity };
}

async function setAndReset(session: Queryable, database: string): Promise<void> {
  try {
    await session.query(`alter database ${quoteIdent(database)} set default_transaction_read_only = off`);
    await session.query(`alter database ${quoteIdent(database)} reset default_transaction_read_only`);
  } catch (cause) {
    throw new DrawbridgeError(
      "DB_FENCE_REFUSED",
      `alter database … set/reset default_transaction_read_only: ${explain(cause)}`,
      { cause },
    );
  }
  const left = await readOnlyDefault(session, database);
  if (left !== undefined)
    throw new DrawbridgeError("DB_FENCE_REFUSED", "a database setting could be set but not reset");
}

async function lockTableSize(session: Queryable): Promise<number> {
  const [row] = await session.query<{ n: number }>(
    `select current_setting('max_locks_per_transaction')::int
       * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) as n`,
  );
  return row?.n ?? 0;
}

/** The database's own `default_transaction_read_only` (for all roles), `undefined` when it has none. */
async function readOnlyDefault(session: Queryable, database: string): Promise<string | undefined> {
  const [row] = await session.query<{ value: string }>(
    `select split_part(c.entry, '=', 2) as value
     from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) as c(entry)
     where d.datname = $1 and s.setrole = 0 and split_part(c.entry, '=', 1) = 'default_transaction_read_only'`,
    [database],
  );
  return row?.value;
}

/** How to lift a fence. */
export interface LiftOptions {
  /** Roles that get LOGIN back. */
  readonly login?: readonly string[];
}

/**
 * Takes a fence away and proves it with a fresh session. May be called again, and on a bridge that inherited the fence.
 * Sessions that were opened while the fence stood keep its read-only default for life, so they are ended.
 * A fence of this process is let go first (`Fence.release`); locks that a vanished process left are ended here.
 * Returns whether a fence stood.
 * @throws DrawbridgeError `DB_FENCE_REFUSED` when new sessions are still read-only, `DB_CONNECTION`.
 */
export async function liftFence(url: Secret, database: string, options: LiftOptions = {}): Promise<boolean> {
  await using session = await openControlSession(url, "unfence");
  const stood = (await readOnlyDefault(session, database)) !== undefined;
  for (const role of options.login ?? []) await session.query(`alter role ${quoteIdent(role)} login`);
  await endFenceSessions(session);
  if (stood) {
    await session.query(`alter database ${quoteIdent(database)} reset default_transaction_read_only`);
    await endOthers(session);
  }
  await using fresh = await openSession(url, { applicationName: "drawbridge-unfence-proof" });
  if ((await setting(fresh, "default_transaction_read_only")) !== "off") {
    throw new DrawbridgeError("DB_FENCE_REFUSED", `new sessions on ${database} are still read-only by default`);
  }
  return stood;
}
