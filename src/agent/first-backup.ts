import { writeBaseBackup } from "../archive/backup/write-backup.ts";
import { parseWalLsn } from "../archive/format/wal-names.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "../postgres/connect.ts";
import { type AgentContext, backupsOf } from "./context.ts";
import { openLocalSession, type LocalServer } from "./local-postgres.ts";
import { readPosition } from "./standby.ts";

/** How far the backup is, as the state reports it. */
export interface BackupProgress {
  readonly partsDone: number;
  readonly partsTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/**
 * Takes a base backup of the promoted bridge into our own bucket, in a layout that the restore here reads. Until then the
 * new production has none. Its WAL goes the same way by `archive_command`.
 * @returns the backup's name
 * @throws DrawbridgeError from PostgreSQL and the store.
 */
export async function takeFirstBackup(
  context: AgentContext,
  server: LocalServer,
  onProgress: (progress: BackupProgress) => void,
  signal: AbortSignal,
): Promise<string> {
  // one session from start to stop: PostgreSQL ends the backup when it goes
  await using session = await openLocalSession(server);
  const [facts] = await session.query<{ version: string; major: number; segment_bytes: string }>(`
    select version() as version, current_setting('server_version_num')::int / 10000 as major,
           (select setting from pg_settings where name = 'wal_segment_size') as segment_bytes`);
  if (!facts) throw new DrawbridgeError("DB_UNEXPECTED", "PostgreSQL did not say its version");
  const { timeline } = await readPosition(session);
  const begin = facts.major >= 15 ? "pg_backup_start($1, true)" : "pg_start_backup($1, true, false)";
  const [start] = await session.query<{ lsn: string }>(`select ${begin}::text as lsn`, ["drawbridge first backup"]);
  if (!start) throw new DrawbridgeError("DB_UNEXPECTED", "PostgreSQL did not begin a backup");
  return await writeBaseBackup({
    store: backupsOf(context),
    dataDir: context.paths.dataDir,
    timeline,
    startLsn: parseWalLsn(start.lsn),
    stop: () => stopBackup(session, facts.major),
    version: facts.version,
    segmentBytes: Number(facts.segment_bytes),
    tempDir: context.paths.dir,
    ...(context.deps.partitionBytes === undefined ? {} : { partitionBytes: context.deps.partitionBytes }),
    onProgress,
    signal: AbortSignal.any([signal, session.lost]),
  });
}

async function stopBackup(
  session: Queryable,
  major: number,
): Promise<{ stopLsn: bigint; backupLabel: string; tablespaceMap: string }> {
  // waits until the WAL that the backup needs is archived
  const call = major >= 15 ? "pg_backup_stop(true)" : "pg_stop_backup(false, true)";
  const [row] = await session.query<{ lsn: string; labelfile: string; spcmapfile: string }>(
    `select lsn::text as lsn, labelfile, spcmapfile from ${call}`,
  );
  if (!row) throw new DrawbridgeError("DB_UNEXPECTED", "PostgreSQL did not end the backup");
  return { stopLsn: parseWalLsn(row.lsn), backupLabel: row.labelfile, tablespaceMap: row.spcmapfile };
}
