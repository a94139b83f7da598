import { systemClock } from "../clock.ts";
import { DrawbridgeError, explain } from "../errors.ts";
import type { Secret } from "../redact.ts";
import { endFenceSessions, endOthers, type OtherBackend, openControlSession, otherBackends } from "./fence-sessions.ts";
import { qualified, quoteIdent, type TableName } from "./identifier.ts";
import type { Session } from "./session.ts";
import { sqlState } from "./sql-error.ts";
import { type TableFacts, userTables } from "./tables.ts";
import { liftFence } from "./unfence.ts";

/** How to set a fence. */
export interface FenceOptions {
  /** The owner on the source, a superuser on the bridge. */
  readonly url: Secret;
  readonly database: string;
  /** Tables that stay writable besides schema `drawbridge`. */
  readonly excludeTables?: readonly TableName[];
  /** Roles that lose LOGIN as well (bridge only: an owner cannot do this to itself). */
  readonly nologin?: readonly string[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A fence that stands. It stops writes for as long as its session lives; see {@link liftFence} for taking it away. */
export interface Fence extends AsyncDisposable {
  /** Aborts the moment the session that holds the locks is gone: then nothing that was proven on it counts any more. */
  readonly lost: AbortSignal;
  /** The server process that holds the locks. */
  readonly pid: number;
  readonly lockedTables: number;
  /** The server's clock when the read-only default was committed: from here on writers were hindered. */
  readonly fencedAt: Date;
  /** The server's clock when all locks were held: from here on nobody can have written. */
  readonly lockedAt: Date;
  /** A session that can write on the fenced database, for the marker and the padding. */
  readonly control: Session;
  /** Client sessions of the database other than ours; they can read, and cannot write. */
  otherBackends(): Promise<OtherBackend[]>;
  /**
   * Ends new client sessions, and proves again that the locks are held and that no table stands outside of them.
   * @throws DrawbridgeError `DB_FENCE_LOST`.
   */
  prove(): Promise<void>;
  /** Closes the sessions, and with them the locks. The read-only default stays: that is {@link liftFence}'s. */
  release(): Promise<void>;
}

/**
 * Stops all writes to a database, and proves it: read-only default for new sessions, end of all other client sessions,
 * then one session that holds `LOCK … IN EXCLUSIVE MODE` on every user table. Holding the locks is the proof that no
 * transaction has written and is still open, and that none can write, `BEGIN READ WRITE` included. Reading goes on.
 * On failure what was set is taken away again.
 * Not stopped: large objects, sequences, new tables (`prove` finds them), and tables of Heroku's own schemas.
 * @throws DrawbridgeError `DB_FENCE_REFUSED` (rights, lock table too small), `DB_WAIT_TIMEOUT` (with who was in the way),
 *   the signal's reason, `DB_CONNECTION`.
 */
export async function raiseFence(options: FenceOptions): Promise<Fence> {
  options.signal?.throwIfAborted();
  const end = Date.now() + options.deadlineMs;
  const control = await openControlSession(options.url, "fence");
  let locks: Session | undefined;
  try {
    locks = await openControlSession(options.url, "fence-locks", options.deadlineMs);
    await endFenceSessions(control, [locks.pid]);
    await forbidTimeouts(locks);
    const fencedAt = await closeDoor(control, options);
    const locked = await lockAll(locks, control, options, end);
    return await standing(options, control, locks, fencedAt, locked);
  } catch (thrown) {
    // a lock session that still waits does not notice that its client went
    if (locks) await control.query("select pg_terminate_backend($1)", [locks.pid]).catch(() => undefined);
    await Promise.all([locks?.close(), control.close()]);
    await liftFence(options.url, options.database, { login: options.nologin ?? [] }).catch(() => undefined);
    throw refusal(thrown);
  }
}

/** 17 can also end a session for the age of its transaction. */
async function forbidTimeouts(locks: Session): Promise<void> {
  await locks.query(
    "select set_config(name, '0', false) from pg_settings where name in ('transaction_timeout', 'idle_session_timeout')",
  );
}

async function closeDoor(control: Session, options: FenceOptions): Promise<Date> {
  await control.query(`alter database ${quoteIdent(options.database)} set default_transaction_read_only = on`);
  for (const role of options.nologin ?? []) await control.query(`alter role ${quoteIdent(role)} nologin`);
  const [row] = await control.query<{ now: Date }>("select clock_timestamp() as now");
  return row?.now ?? new Date();
}

/** Locks until no table is left; new sessions are ended all the while, so that nobody stays in the way. */
async function lockAll(locks: Session, control: Session, options: FenceOptions, end: number): Promise<Set<number>> {
  const locked = new Set<number>();
  await locks.query("begin");
  for (;;) {
    const missing = (await lockable(control, options)).filter(({ oid }) => !locked.has(oid));
    if (missing.length === 0) return locked;
    const done = new AbortController();
    const locking = lockTables(locks, missing).finally(() => done.abort());
    await Promise.all([locking, endUntil(control, locks, options, { done: done.signal, end })]);
    for (const { oid } of missing) locked.add(oid);
  }
}

async function lockable(control: Session, options: FenceOptions): Promise<TableFacts[]> {
  const excluded = new Set((options.excludeTables ?? []).map(qualified));
  const tables = (await userTables(control)).filter(
    (table) => table.kind !== "foreign" && !excluded.has(qualified(table)),
  );
  const foreign = tables.filter((table) => !table.lockable);
  if (foreign.length > 0) {
    const names = foreign.slice(0, 10).map((table) => `${qualified(table)} (owner ${table.owner})`);
    throw new DrawbridgeError(
      "DB_FENCE_REFUSED",
      `${foreign.length} tables cannot be locked by this role: ${names.join(", ")}`,
    );
  }
  return tables;
}

async function lockTables(locks: Session, tables: readonly TableFacts[]): Promise<void> {
  for (let at = 0; at < tables.length; at += 500) {
    const names = tables.slice(at, at + 500).map((table) => `only ${qualified(table)}`);
    await locks.query(`lock table ${names.join(", ")} in exclusive mode`);
  }
}

async function endUntil(
  control: Session,
  locks: Session,
  options: FenceOptions,
  until: { readonly done: AbortSignal; readonly end: number },
): Promise<void> {
  for (;;) {
    options.signal?.throwIfAborted();
    await endOthers(control);
    if (until.done.aborted) return;
    if (Date.now() >= until.end) {
      throw new DrawbridgeError(
        "DB_WAIT_TIMEOUT",
        `waited ${options.deadlineMs} ms for the fence's locks; in the way: ${await inTheWay(control, locks)}`,
      );
    }
    // 20 ms: short beside the window, long beside the statement
    await systemClock.sleep(20, until.done).catch(() => undefined);
  }
}

async function inTheWay(control: Session, locks: Session): Promise<string> {
  const rows = await control.query<{ who: string }>(
    `select format('pid %s (%s, %s, %s)', a.pid, a.backend_type, a.usename, a.application_name) as who
     from pg_stat_activity a where a.pid = any (pg_blocking_pids($1))`,
    [locks.pid],
  );
  return rows.map(({ who }) => who).join("; ") || "nobody now";
}

async function standing(
  options: FenceOptions,
  control: Session,
  locks: Session,
  fencedAt: Date,
  locked: Set<number>,
): Promise<Fence> {
  const [row] = await locks.query<{ now: Date }>("select clock_timestamp() as now");
  const release = async (): Promise<void> => {
    await Promise.all([locks.close(), control.close()]);
  };
  const prove = async (): Promise<void> => {
    if (locks.lost.aborted)
      throw new DrawbridgeError("DB_FENCE_LOST", "the fence's session is gone", { cause: locks.lost.reason });
    await locks.query("select 1").catch((cause: unknown) => {
      throw new DrawbridgeError("DB_FENCE_LOST", "the fence's session does not answer", { cause });
    });
    await endOthers(control);
    const outside = (await lockable(control, options)).filter(({ oid }) => !locked.has(oid));
    if (outside.length > 0) {
      throw new DrawbridgeError(
        "DB_FENCE_LOST",
        `tables were made behind the fence: ${outside.map(qualified).join(", ")}`,
      );
    }
  };
  return {
    lost: locks.lost,
    pid: locks.pid,
    lockedTables: locked.size,
    fencedAt,
    lockedAt: row?.now ?? new Date(),
    control,
    otherBackends: () => otherBackends(control),
    prove,
    release,
    [Symbol.asyncDispose]: release,
  };
}

function refusal(thrown: unknown): unknown {
  const state = sqlState(thrown);
  // 53200: the shared lock table is full; 42501: not our right
  if (state === "53200") {
    return new DrawbridgeError(
      "DB_FENCE_REFUSED",
      "too many tables for one session's locks: raise max_locks_per_transaction",
      { cause: thrown },
    );
  }
  if (state === "42501") return new DrawbridgeError("DB_FENCE_REFUSED", explain(thrown), { cause: thrown });
  return thrown;
}
