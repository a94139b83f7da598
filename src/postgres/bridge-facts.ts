import type { Queryable } from "./connect.ts";

/** A role and the password method that works for it in `pg_hba.conf`. */
export interface LoginFacts {
  readonly role: string;
  readonly method: "md5" | "scram-sha-256";
}

/**
 * Who may log in on the bridge over TCP: the owner and the roles that it may act as. What is stored for a password is not
 * readable by an owner; `md5` accepts both kinds (measured on 15), so it is the method unless a newer server says better.
 */
export async function bridgeLogins(db: Queryable, owner: string): Promise<LoginFacts[]> {
  const rows = await db.query<{ role: string }>(
    `select r.rolname as role from pg_roles r
     where r.rolcanlogin and not r.rolsuper and (r.rolname = $1 or pg_has_role($1, r.oid, 'member')) order by 1`,
    [owner],
  );
  return rows.map(({ role }) => ({ role, method: "md5" }));
}

/** Settings that a standby must not have lower than its primary (`CheckRequiredParameterValues`), by name. */
const standbyMinimums = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
];

/** The source's values of {@link standbyMinimums}. */
export async function standbySettings(db: Queryable): Promise<Record<string, number>> {
  const rows = await db.query<{ name: string; value: string }>(
    "select name, setting as value from pg_settings where name = any($1)",
    [standbyMinimums],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]));
}
