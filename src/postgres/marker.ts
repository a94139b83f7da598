import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "./connect.ts";
import type { TableName } from "./identifier.ts";
import { formatLsn, type Lsn, parseLsn } from "./lsn.ts";
import { sqlState } from "./sql-error.ts";

/** The table of markers and heartbeats: our only trace on the source. The fence leaves it writable for us. */
export const markerTable: TableName = { schema: "drawbridge", name: "marker" };

/** Makes schema `drawbridge` and the marker table where they are missing. */
export async function ensureMarkerTable(db: Queryable): Promise<void> {
  // "if not exists" alone needs the CREATE privilege even where there is nothing to do
  const [found] = await db.query<{ there: boolean }>("select to_regclass('drawbridge.marker') is not null as there");
  if (found?.there) return;
  await db.query("create schema if not exists drawbridge");
  await db.query(
    `create table if not exists drawbridge.marker (
       id text primary key, nonce text not null, kind text not null, at timestamptz not null)`,
  );
}

/** Removes our schema and all in it; may be called again. */
export async function dropMarkerSchema(db: Queryable): Promise<void> {
  await db.query("drop schema if exists drawbridge cascade");
}

/**
 * Commits a marker, flushed to disk, and returns a WAL position behind its commit record. Whoever sees the marker on the
 * other side has everything that was committed before it. Calling again with the same nonce commits it anew.
 */
export async function commitMarker(db: Queryable, kind: string, nonce: string): Promise<Lsn> {
  // set_config runs inside the statement's own transaction, so that its commit is synchronous whatever the session says
  await db.query(
    `with durable as materialized (select set_config('synchronous_commit', 'on', true) as sync)
     insert into drawbridge.marker as m (id, nonce, kind, at)
     select $1 || ':' || $2, $2, $1, clock_timestamp() from durable
     on conflict (id) do update set at = excluded.at`,
    [kind, nonce],
  );
  const [row] = await db.query<{ lsn: string }>("select pg_current_wal_insert_lsn()::text as lsn");
  return parseLsn(row?.lsn ?? "");
}

/** Whether the marker with this nonce has arrived here. A missing table counts as "no". */
export async function seesMarker(db: Queryable, nonce: string): Promise<boolean> {
  try {
    const rows = await db.query("select 1 as found from drawbridge.marker where nonce = $1 and kind <> 'heartbeat'", [
      nonce,
    ]);
    return rows.length > 0;
  } catch (error) {
    // 42P01, 3F000: table or schema not there (yet)
    if (["42P01", "3F000"].includes(sqlState(error) ?? "")) return false;
    throw error;
  }
}

/** How a segment was filled. */
export interface Padding {
  /** The WAL file that held the position and is now complete, so that the archiver takes it. */
  readonly segment: string;
  /** Where WAL ended afterwards. */
  readonly paddedTo: Lsn;
}

/** Bytes of one padding message. */
const messageBytes = 8_000;

/**
 * Fills WAL until the segment that holds `behind` is complete, so that it is archived at once and not after
 * `archive_timeout`. A plain role may do this; `pg_switch_wal` it may not. Works in a read-only session.
 * @throws DrawbridgeError `DB_UNEXPECTED` when three rounds did not suffice.
 */
export async function padWal(db: Queryable, behind: Lsn): Promise<Padding> {
  const [size] = await db.query<{ bytes: string }>(
    "select setting::int8 as bytes from pg_settings where name = 'wal_segment_size'",
  );
  const segmentBytes = BigInt(size?.bytes ?? 16 * 1024 * 1024);
  // the position is the first byte after the marker; the segment that matters is that of the byte before
  const end = ((behind - 1n) / segmentBytes + 1n) * segmentBytes;
  const [file] = await db.query<{ name: string }>("select pg_walfile_name($1::pg_lsn - 1) as name", [
    formatLsn(behind),
  ]);
  for (let round = 0; round < 3; round += 1) {
    const [at] = await db.query<{ lsn: string }>("select pg_current_wal_flush_lsn()::text as lsn");
    const paddedTo = parseLsn(at?.lsn ?? "");
    if (paddedTo > end) return { segment: file?.name ?? "", paddedTo };
    const messages = Number((end - paddedTo) / BigInt(messageBytes)) + 2;
    // transactional: the commit flushes what the archiver waits for
    await db.query(
      `with durable as materialized (select set_config('synchronous_commit', 'on', true) as sync)
       select count(pg_logical_emit_message(true, 'drawbridge-padding', repeat('x', ${messageBytes})))
       from durable, generate_series(1, $1::int)`,
      [messages],
    );
  }
  throw new DrawbridgeError("DB_UNEXPECTED", `padding did not complete WAL segment ${file?.name}`);
}

/** Writes a heartbeat with the server's own clock. */
export async function beat(db: Queryable): Promise<void> {
  await db.query(
    `insert into drawbridge.marker as m (id, nonce, kind, at) values ('heartbeat', '', 'heartbeat', clock_timestamp())
     on conflict (id) do update set at = excluded.at`,
  );
}

/**
 * Age in milliseconds of the last heartbeat that arrived here, by the reading server's clock (so the clocks' difference is
 * in it); `undefined` when none arrived.
 */
export async function heartbeatAge(db: Queryable): Promise<number | undefined> {
  try {
    const [row] = await db.query<{ ms: number }>(
      `select (extract(epoch from clock_timestamp() - at) * 1000)::float8 as ms from drawbridge.marker where id = 'heartbeat'`,
    );
    return row?.ms;
  } catch (error) {
    if (["42P01", "3F000"].includes(sqlState(error) ?? "")) return undefined;
    throw error;
  }
}
