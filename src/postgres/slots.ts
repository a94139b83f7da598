import pg from "pg";
import { waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Secret } from "../redact.ts";
import { clientConfig, type ConnectOptions, type Queryable } from "./connect.ts";
import { formatLsn, type Lsn, parseLsn } from "./lsn.ts";
import { asDatabaseFault } from "./sql-error.ts";
import { hostAndPort } from "./url.ts";

/** How a wait is bounded. */
export interface Bounds {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A logical slot as the publisher sees it. */
export interface SlotStatus {
  readonly active: boolean;
  readonly activePid: number | undefined;
  readonly restartLsn: Lsn | undefined;
  readonly confirmedFlushLsn: Lsn | undefined;
  /** WAL that the slot keeps from being removed. */
  readonly retainedBytes: bigint;
  /** WAL written and not yet confirmed by the subscriber: the lag. */
  readonly lagBytes: bigint;
  /** `reserved`, `extended`, `unreserved` or `lost`: the last two mean that the copy is in danger or gone. */
  readonly walStatus: string;
}

/**
 * Creates a logical slot (pgoutput) where there is none by that name. Hangs behind open transactions, hence the deadline.
 * Returns its consistent point.
 */
export async function createSlot(db: Queryable, name: string): Promise<Lsn> {
  const existing = await slotStatus(db, name);
  if (existing?.confirmedFlushLsn !== undefined) return existing.confirmedFlushLsn;
  const [row] = await db.query<{ lsn: string }>(
    "select lsn::text as lsn from pg_create_logical_replication_slot($1, 'pgoutput')",
    [name],
  );
  return parseLsn(row?.lsn ?? "");
}

/**
 * Moves an idle slot to `upTo`, or to the end of WAL: what lies before is not sent any more. WAL is flushed first: a slot
 * cannot go beyond what is flushed, and apply workers commit without flushing, so that the last rows which a subscription
 * brought would come out of the slot again (seen on 17: the marker itself came back as a duplicate key).
 */
export async function advanceSlot(db: Queryable, name: string, upTo?: Lsn): Promise<Lsn> {
  await db.query(
    `with durable as materialized (select set_config('synchronous_commit', 'on', true) as sync)
     select pg_logical_emit_message(true, 'drawbridge-flush', '') from durable`,
  );
  const [row] = await db.query<{ lsn: string }>(
    "select end_lsn::text as lsn from pg_replication_slot_advance($1, coalesce($2::pg_lsn, pg_current_wal_flush_lsn()))",
    [name, upTo === undefined ? undefined : formatLsn(upTo)],
  );
  return parseLsn(row?.lsn ?? "");
}

/** The slot's state, `undefined` when there is none by that name. */
export async function slotStatus(db: Queryable, name: string): Promise<SlotStatus | undefined> {
  const [row] = await db.query<{
    active: boolean;
    pid: number | null;
    restart: string | null;
    confirmed: string | null;
    retained: string | null;
    lag: string | null;
    status: string | null;
  }>(
    `select s.active, s.active_pid as pid, s.restart_lsn::text as restart, s.confirmed_flush_lsn::text as confirmed,
       pg_wal_lsn_diff(here.lsn, s.restart_lsn)::int8 as retained, pg_wal_lsn_diff(here.lsn, s.confirmed_flush_lsn)::int8 as lag,
       s.wal_status as status
     from pg_replication_slots s, (select pg_current_wal_insert_lsn() as lsn) here
     where s.slot_name = $1`,
    [name],
  );
  if (!row) return undefined;
  return {
    active: row.active,
    activePid: row.pid ?? undefined,
    restartLsn: row.restart === null ? undefined : parseLsn(row.restart),
    confirmedFlushLsn: row.confirmed === null ? undefined : parseLsn(row.confirmed),
    retainedBytes: BigInt(row.retained ?? 0),
    lagBytes: BigInt(row.lag ?? 0),
    walStatus: row.status ?? "lost",
  };
}

/** Drops a slot, after waiting until nobody uses it any more. Nothing happens when there is none. */
export async function dropSlot(db: Queryable, name: string, bounds: Bounds): Promise<void> {
  await waitFor(async () => (await slotStatus(db, name))?.active !== true, {
    ...bounds,
    what: `slot ${name} to fall idle`,
    everyMs: 50,
  });
  await db.query("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1", [name]);
}

/**
 * Drops idle slots that table synchronisation left behind on a publisher after its subscription was dropped without it.
 * `subscriberSystemIdentifier` is in their names (`pg_<subscription>_sync_<table>_<system identifier>`). Returns their names.
 */
export async function dropSyncSlots(publisher: Queryable, subscriberSystemIdentifier: string): Promise<string[]> {
  const rows = await publisher.query<{ name: string }>(
    `select s.slot_name as name, pg_drop_replication_slot(s.slot_name) from pg_replication_slots s
     where s.slot_name ~ ('^pg_[0-9]+_sync_[0-9]+_' || $1 || '$') and not s.active`,
    [subscriberSystemIdentifier],
  );
  return rows.map(({ name }) => name);
}

/** A slot and the snapshot of its consistent point, which lives until `close` (or the next command on that connection). */
export interface SlotWithSnapshot extends AsyncDisposable {
  readonly consistentPoint: Lsn;
  /** For `set transaction snapshot` and `pg_dump --snapshot`. */
  readonly snapshot: string;
  /** Gives up the snapshot; the slot stays. */
  close(): Promise<void>;
}

/**
 * Creates a slot over the replication protocol, which exports the snapshot that belongs to it: rows seen in the snapshot
 * plus changes from the slot are the whole. The role needs REPLICATION. Fails when the slot exists.
 */
export async function createSlotWithSnapshot(
  url: Secret,
  name: string,
  options: ConnectOptions,
): Promise<SlotWithSnapshot> {
  if (!/^[a-z0-9_]{1,63}$/.test(name)) throw new DrawbridgeError("DB_BAD_INPUT", `not a slot name: ${name}`);
  // 0: the session idles for as long as the copy takes
  const startup = `-c idle_in_transaction_session_timeout=0 ${options.options ?? ""}`;
  const config = { ...clientConfig(url, { ...options, options: startup }), replication: "database" };
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  try {
    await client.connect();
    // the replication protocol knows its words in capitals only
    const sql = `CREATE_REPLICATION_SLOT ${name} LOGICAL pgoutput EXPORT_SNAPSHOT`;
    const result = await client.query<{ consistent_point: string; snapshot_name: string }>(sql);
    const row = result.rows[0];
    const close = async (): Promise<void> => client.end().catch(() => undefined);
    return {
      consistentPoint: parseLsn(row?.consistent_point ?? ""),
      snapshot: row?.snapshot_name ?? "",
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    client.end().catch(() => undefined);
    throw asDatabaseFault(cause, hostAndPort(url));
  }
}
