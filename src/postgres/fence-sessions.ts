import type { Secret } from "../redact.ts";
import type { Queryable } from "./connect.ts";
import { openSession, type Session } from "./session.ts";

/** Sessions with this prefix are ours: a fence does not end them. */
export const controlPrefix = "drawbridge-";

/**
 * Options of every control session: it must be able to write although the database's default says read-only, must not be
 * ended for idling, and must notice within 2 s when its client is gone while it waits for a lock.
 */
export const controlOptions =
  "-c default_transaction_read_only=off -c idle_in_transaction_session_timeout=0 -c client_connection_check_interval=2000";

/** Opens a session that works on a fenced database. `name` follows the prefix `drawbridge-`. */
export async function openControlSession(url: Secret, name: string, statementTimeoutMs = 10_000): Promise<Session> {
  return openSession(url, {
    applicationName: controlPrefix + name,
    options: controlOptions,
    statementTimeoutMs,
    heartbeatMs: 5_000,
  });
}

/** Another session of the same database. */
export interface OtherBackend {
  readonly pid: number;
  readonly user: string | undefined;
  readonly applicationName: string;
  readonly state: string | undefined;
  /** Whether our role may end it: not a superuser's, unless we are one. */
  readonly endable: boolean;
}

// A plain role may end sessions of roles whose member it is, and with pg_signal_backend any but a superuser's.
const endable = `((select rolsuper from pg_roles where rolname = current_user)
  or (not coalesce(r.rolsuper, true)
    and (pg_has_role(current_user, 'pg_signal_backend', 'usage') or pg_has_role(current_user, r.oid, 'usage'))))`;

const others = `
  from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid
  where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
    and a.application_name not like '${controlPrefix}%'`;

/** All client sessions of this database that are not ours. Walsenders and workers of the server are no client sessions. */
export async function otherBackends(session: Queryable): Promise<OtherBackend[]> {
  const rows = await session.query<{
    pid: number;
    who: string | null;
    app: string;
    state: string | null;
    endable: boolean;
  }>(
    `select a.pid, a.usename as who, a.application_name as app, a.state, ${endable} as endable ${others} order by a.pid`,
  );
  return rows.map((row) => ({
    pid: row.pid,
    user: row.who ?? undefined,
    applicationName: row.app,
    state: row.state ?? undefined,
    endable: row.endable,
  }));
}

/** Ends all client sessions of this database that are not ours and that we may end. Returns how many were told to. */
export async function endOthers(session: Queryable): Promise<number> {
  // the condition has to be settled before the call: one refused call fails the whole statement
  const [row] = await session.query<{ ended: string }>(
    `with doomed as materialized (select a.pid ${others} and ${endable})
     select count(*) filter (where pg_terminate_backend(pid)) as ended from doomed`,
  );
  return Number(row?.ended ?? 0);
}

/**
 * Ends the sessions of every fence on this database but `keep`: those of a worker that was cut off from us may linger with
 * their locks. Whoever holds the migration's lease may; a worker that has lost it notices so that its fence is gone.
 * Waits up to 5 s for each to end. Returns how many there were.
 */
export async function endFenceSessions(session: Queryable, keep: readonly number[] = []): Promise<number> {
  const [row] = await session.query<{ ended: string }>(
    `with doomed as materialized (
       select a.pid from pg_stat_activity a
       where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
         and a.application_name in ('${controlPrefix}fence', '${controlPrefix}fence-locks') and a.pid <> all ($1::int[]))
     select count(*) filter (where pg_terminate_backend(pid, 5000)) as ended from doomed`,
    [[...keep]],
  );
  return Number(row?.ended ?? 0);
}
