import { waitFor } from "../clock.ts";
import type { Secret } from "../redact.ts";
import type { Queryable } from "./connect.ts";
import { quoteIdent, quoteLiteral, type TableName } from "./identifier.ts";
import { type Lsn, parseLsn } from "./lsn.ts";
import type { Bounds } from "./slots.ts";
import { parseDatabaseUrl } from "./url.ts";

/** A subscription to be made. */
export interface SubscriptionOptions {
  readonly name: string;
  readonly publication: string;
  /** How the *subscriber's server* reaches the publisher; its role must be asked for a password there. */
  readonly publisher: Secret;
  /** The slot on the publisher; the subscription's name unless told. */
  readonly slotName?: string;
  readonly createSlot: boolean;
  readonly copyData: boolean;
  readonly enabled: boolean;
  /** Stop at an error instead of trying for ever (15 and later); false unless told. */
  readonly disableOnError?: boolean;
}

/**
 * A URL as libpq's `key='value'` text. Holds the password: it goes into a DDL statement and nowhere else.
 * Other sessions' logs may still show that statement, so the role should be a short-lived one.
 */
export function conninfo(url: Secret): string {
  const at = parseDatabaseUrl(url);
  const parts: readonly (readonly [string, string | undefined])[] = [
    ["host", at.host],
    ["port", String(at.port)],
    ["dbname", at.database],
    ["user", at.user],
    ["password", at.password?.reveal()],
    ["sslmode", at.host.startsWith("/") ? undefined : at.sslMode],
    ["sslrootcert", at.sslRootCert],
    ["connect_timeout", "10"],
    ["keepalives_idle", "10"],
    ["keepalives_interval", "5"],
    ["keepalives_count", "3"],
  ];
  return parts
    .flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}='${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`],
    )
    .join(" ");
}

/**
 * Creates a subscription. It needs a superuser, or from 16 on `pg_create_subscription` and CREATE on the database.
 * With `createSlot` it cannot run inside a transaction.
 */
export async function createSubscription(db: Queryable, options: SubscriptionOptions): Promise<void> {
  const settings = [
    `create_slot = ${options.createSlot}`,
    `slot_name = ${quoteLiteral(options.slotName ?? options.name)}`,
    `copy_data = ${options.copyData}`,
    `enabled = ${options.enabled}`,
    ...(options.disableOnError === undefined ? [] : [`disable_on_error = ${options.disableOnError}`]),
  ];
  await db.query(
    `create subscription ${quoteIdent(options.name)} connection ${quoteLiteral(conninfo(options.publisher))}
     publication ${quoteIdent(options.publication)} with (${settings.join(", ")})`,
  );
}

/** Starts applying. */
export async function enableSubscription(db: Queryable, name: string): Promise<void> {
  await db.query(`alter subscription ${quoteIdent(name)} enable`);
}

/** Stops applying and waits until its workers are gone: from then on nothing more arrives. Nothing happens when there is none. */
export async function disableSubscription(db: Queryable, name: string, bounds: Bounds): Promise<void> {
  const status = await subscriptionStatus(db, name);
  if (!status) return;
  if (status.enabled) await db.query(`alter subscription ${quoteIdent(name)} disable`);
  await waitFor(async () => (await subscriptionStatus(db, name))?.workerPids.length === 0, {
    ...bounds,
    everyMs: 20,
    what: `the workers of subscription ${name} to end`,
  });
}

/**
 * Drops a subscription here and leaves the publisher alone, so that it works when the publisher is gone. The slot there, and
 * slots of unfinished table synchronisation, are for `dropSlot` and `dropSyncSlots`. Nothing happens when there is none.
 */
export async function dropSubscription(db: Queryable, name: string, bounds: Bounds): Promise<void> {
  const status = await subscriptionStatus(db, name);
  if (!status) return;
  await disableSubscription(db, name, bounds);
  await db.query(`alter subscription ${quoteIdent(name)} set (slot_name = none)`);
  await db.query(`drop subscription if exists ${quoteIdent(name)}`);
}

/** How far one table's first copy is: `init`, `copying`, `copied` (catching up), `synced`, `ready`. */
export type SyncState = "init" | "copying" | "copied" | "synced" | "ready";

/** A subscription as the subscriber sees it. */
export interface SubscriptionStatus {
  readonly enabled: boolean;
  /** Processes of apply and table synchronisation. */
  readonly workerPids: readonly number[];
  readonly receivedLsn: Lsn | undefined;
  /** When the publisher was last heard of, by the publisher's clock. */
  readonly latestEndTime: Date | undefined;
  readonly tables: readonly (TableName & { readonly state: SyncState })[];
  /** Failed applies and copies since the statistics began (15 and later, else 0). */
  readonly errors: number;
}

const states: Readonly<Record<string, SyncState>> = { i: "init", d: "copying", f: "copied", s: "synced", r: "ready" };

/** The subscription's state, `undefined` when this database has none by that name. */
export async function subscriptionStatus(db: Queryable, name: string): Promise<SubscriptionStatus | undefined> {
  const [row] = await db.query<{
    oid: string;
    enabled: boolean;
    pids: number[] | null;
    received: string | null;
    heard: Date | null;
    errors: string;
  }>(
    `select s.oid::int8 as oid, s.subenabled as enabled,
       (select array_agg(w.pid) from pg_stat_subscription w where w.subid = s.oid and w.pid is not null) as pids,
       (select max(w.received_lsn)::text from pg_stat_subscription w where w.subid = s.oid) as received,
       (select max(w.latest_end_time) from pg_stat_subscription w where w.subid = s.oid) as heard,
       ${(await hasSubscriptionStats(db)) ? "(select coalesce(sum(t.apply_error_count + t.sync_error_count), 0) from pg_stat_subscription_stats t where t.subid = s.oid)" : "0"} as errors
     from pg_subscription s join pg_database d on d.oid = s.subdbid
     where d.datname = current_database() and s.subname = $1`,
    [name],
  );
  if (!row) return undefined;
  const tables = await db.query<{ schema: string; name: string; state: string }>(
    `select n.nspname as schema, c.relname as name, r.srsubstate as state
     from pg_subscription_rel r join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace
     where r.srsubid = $1 order by 1, 2`,
    [row.oid],
  );
  return {
    enabled: row.enabled,
    workerPids: row.pids ?? [],
    receivedLsn: row.received === null ? undefined : parseLsn(row.received),
    latestEndTime: row.heard ?? undefined,
    tables: tables.map((table) => ({ schema: table.schema, name: table.name, state: states[table.state] ?? "init" })),
    errors: Number(row.errors),
  };
}

async function hasSubscriptionStats(db: Queryable): Promise<boolean> {
  const [row] = await db.query<{ there: boolean }>(
    "select to_regclass('pg_catalog.pg_stat_subscription_stats') is not null as there",
  );
  return row?.there === true;
}

/**
 * Whether the first copy is done and everything up to `publisherLsn` has been received. Good for a progress bar; that nothing is
 * missing is proven by a marker only.
 */
export function isCaughtUp(status: SubscriptionStatus, publisherLsn: Lsn): boolean {
  const copied = status.tables.every(({ state }) => state === "ready");
  return copied && status.receivedLsn !== undefined && status.receivedLsn >= publisherLsn;
}
