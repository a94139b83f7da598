import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "../postgres/connect.ts";

/** Where the local server is. */
export interface ServerPosition {
  readonly inRecovery: boolean;
  /** Last WAL replayed while in recovery, last written afterwards. */
  readonly lsn: string;
  /** Replay stands still: the source raised a limit beyond ours. Only a restart helps; a promotion would shut the server down. */
  readonly replayPaused: boolean;
  readonly timeline: number;
}

/** Reads where the server is. @throws DrawbridgeError `DB_UNEXPECTED` when it does not say so. */
export async function readPosition(session: Queryable): Promise<ServerPosition> {
  const [row] = await session.query<{ in_recovery: boolean; lsn: string | null; paused: boolean; timeline: number }>(`
    select pg_is_in_recovery() as in_recovery,
           case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as lsn,
           case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end as paused,
           case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
                else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline`);
  // a server that takes connections has replayed something: where it stands is never unknown
  if (!row || row.lsn === null) throw new DrawbridgeError("DB_UNEXPECTED", "PostgreSQL did not say where it stands");
  return { inRecovery: row.in_recovery, lsn: row.lsn, replayPaused: row.paused, timeline: row.timeline };
}
