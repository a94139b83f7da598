import pg from "pg";
import type { Secret } from "../redact.ts";
import { asDatabaseFault } from "./sql-error.ts";
import { hostAndPort, parseDatabaseUrl, tlsOptions } from "./url.ts";

/**
 * What takes a statement. Rows come typed as PostgreSQL sends them: `int8` and `numeric` as **strings** (they may hold more
 * than a number can; `BigInt(row.n)` where one computes), `timestamptz` as `Date`, `date` and `timestamp` as strings
 * (they have no zone), `pg_lsn` as a string for `parseLsn`, NULL as `null`.
 */
export interface Queryable {
  /**
   * Runs one statement. @throws DrawbridgeError `DB_CONNECTION`, `DB_WAIT_TIMEOUT` (statement or lock timeout) or
   * `DB_UNEXPECTED`; `sqlState(error)` gives the server's own code.
   */
  query<Row extends object>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
}

/** How to connect. */
export interface ConnectOptions {
  /** Shown in `pg_stat_activity`. Control sessions begin with `drawbridge-`: the fence spares them. */
  readonly applicationName: string;
  /** Start-up options, for instance `-c default_transaction_read_only=off`. */
  readonly options?: string;
  readonly connectTimeoutMs?: number;
  /** The longest that one statement may take; 60 s unless told, 0 for no limit. */
  readonly statementTimeoutMs?: number;
}

/** How a transaction runs. Times in milliseconds. */
export interface TransactionOptions {
  readonly isolation?: "read committed" | "repeatable read" | "serializable";
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
}

/** A pool of connections to one database. Each connects when first used. */
export interface Database extends Queryable, AsyncDisposable {
  /** Runs `fn` in one transaction on one connection; commits when it resolves, rolls back when it rejects. */
  transaction<T>(fn: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Closes all connections after their present statement. May be called again. */
  end(): Promise<void>;
}

const defaultStatementTimeoutMs = 60_000;

/**
 * The server's own look at whether we still live, 25 s after we vanished. Its default is two hours, for which a lease or
 * a fence of a machine that lost its power would stand.
 */
const noticeLoss = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3";

const parsers = new pg.TypeOverrides();
// date and timestamp have no zone: a Date made of them would move with this machine's
for (const oid of [1082, 1114]) parsers.setTypeParser(oid, (text: string) => text);

/** What `pg` needs to connect; the password is revealed here and nowhere else. */
export function clientConfig(url: Secret, options: ConnectOptions): pg.ClientConfig {
  const at = parseDatabaseUrl(url);
  const statementTimeoutMs = options.statementTimeoutMs ?? defaultStatementTimeoutMs;
  const startup = [noticeLoss, at.options, `-c statement_timeout=${statementTimeoutMs}`, options.options];
  return {
    host: at.host,
    port: at.port,
    database: at.database,
    user: at.user,
    // the empty string keeps pg from looking for ~/.pgpass or PGPASSWORD
    password: at.password?.reveal() ?? "",
    ssl: tlsOptions(at),
    application_name: options.applicationName,
    options: startup.filter((part) => part !== undefined).join(" "),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: parsers,
  };
}

/** How long after the server's own statement timeout we stop waiting: only a dead network gets there. */
const networkGraceMs = 15_000;

/** Runs a statement on a `pg` object and turns its errors into ours. */
export async function runOn<Row extends object>(
  target: pg.Pool | pg.ClientBase,
  at: { readonly place: string; readonly statementTimeoutMs?: number | undefined },
  sql: string,
  params: readonly unknown[],
): Promise<Row[]> {
  const limitMs = at.statementTimeoutMs ?? defaultStatementTimeoutMs;
  // pg's types leave `query_timeout` of a single statement out
  const how = limitMs > 0 ? { query_timeout: limitMs + networkGraceMs } : {};
  try {
    const statement = { text: sql, ...(params.length > 0 ? { values: [...params] } : {}), ...how };
    const result = await target.query<Row & pg.QueryResultRow>(statement);
    return result.rows;
  } catch (cause) {
    throw asDatabaseFault(cause, at.place);
  }
}

/** Opens a pool; no connection is made yet. `max` connections, 4 unless told. */
export function openDatabase(url: Secret, options: ConnectOptions & { readonly max?: number }): Database {
  const at = { place: hostAndPort(url), statementTimeoutMs: options.statementTimeoutMs };
  const pool = new pg.Pool({
    ...clientConfig(url, options),
    max: options.max ?? 4,
    idleTimeoutMillis: 30_000,
  });
  // an idle connection that breaks is dropped by the pool itself; the next statement opens another
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => (ended ??= pool.end());
  return {
    query: (sql, params = []) => runOn(pool, at, sql, params),
    transaction: (fn, how = {}) => transactionOn(pool, at, fn, how),
    end,
    [Symbol.asyncDispose]: end,
  };
}

async function transactionOn<T>(
  pool: pg.Pool,
  at: { readonly place: string; readonly statementTimeoutMs?: number | undefined },
  fn: (tx: Queryable) => Promise<T>,
  how: TransactionOptions,
): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (cause) {
    throw asDatabaseFault(cause, at.place);
  }
  const limits = { ...at, statementTimeoutMs: how.statementTimeoutMs ?? at.statementTimeoutMs };
  let broken: Error | undefined;
  try {
    return await inTransaction({ query: (sql, params = []) => runOn(client, limits, sql, params) }, fn, how);
  } catch (thrown) {
    // a connection whose state is unknown must not go back into the pool; a second rollback only warns
    await client.query("rollback").catch(() => (broken = new Error("discarded")));
    throw thrown;
  } finally {
    client.release(broken);
  }
}

/** `begin … commit` around `fn` on one connection; rolls back and rethrows when it rejects. */
export async function inTransaction<T>(
  session: Queryable,
  fn: (tx: Queryable) => Promise<T>,
  how: TransactionOptions = {},
): Promise<T> {
  const begin = [`begin isolation level ${how.isolation ?? "read committed"}`];
  if (how.statementTimeoutMs !== undefined) begin.push(`set local statement_timeout = ${how.statementTimeoutMs}`);
  if (how.lockTimeoutMs !== undefined) begin.push(`set local lock_timeout = ${how.lockTimeoutMs}`);
  try {
    // one way to the server and back for all of them
    await session.query(begin.join("; "));
    const result = await fn(session);
    await session.query("commit");
    return result;
  } catch (thrown) {
    // the first error is the one that says something
    await session.query("rollback").catch(() => undefined);
    throw thrown;
  }
}
