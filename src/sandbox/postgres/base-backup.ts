import { writeBaseBackup } from "../../archive/backup/write-backup.ts";
import type { ObjectStore } from "../../archive/store/object-store.ts";
import { parseLsn } from "../../postgres/lsn.ts";
import { openSession } from "../../postgres/session.ts";
import type { SandboxCluster } from "./cluster.ts";

/** Which cluster to copy, and where to. */
export interface BaseBackupOptions {
  readonly cluster: SandboxCluster;
  readonly store: ObjectStore;
  readonly partitionBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The functions were renamed in 15. */
const calls = {
  old: { start: "pg_start_backup($1, true, false)", stop: "pg_stop_backup(false, true)" },
  now: { start: "pg_backup_start($1, true)", stop: "pg_backup_stop(true)" },
} as const;

/** Takes a base backup of a running cluster as Heroku's archiver does and answers its name. Labels go into the sentinel. */
export async function takeBaseBackup({ cluster, store, partitionBytes, signal }: BaseBackupOptions): Promise<string> {
  await using session = await openSession(cluster.adminUrl(), {
    applicationName: "heroku-backup",
    statementTimeoutMs: 0,
  });
  const [facts] = await session.query<{ version: string; major: number; timeline: number; segmentBytes: string }>(
    `select version() as version, current_setting('server_version_num')::int / 10000 as major,
            timeline_id as timeline, pg_size_bytes(current_setting('wal_segment_size'))::text as "segmentBytes"
       from pg_control_checkpoint()`,
  );
  if (facts === undefined) throw new Error("pg_control_checkpoint gave no row");
  const verbs = facts.major < 15 ? calls.old : calls.now;
  const label = `freeze_start_${new Date().toISOString()}`;
  const [start] = await session.query<{ lsn: string }>(`select ${verbs.start}::text as lsn`, [label]);
  if (start === undefined) throw new Error("the backup did not start");
  return await writeBaseBackup({
    store,
    dataDir: cluster.dataDir,
    timeline: facts.timeline,
    startLsn: parseLsn(start.lsn),
    version: facts.version,
    segmentBytes: Number(facts.segmentBytes),
    stop: async () => {
      const sql = `select lsn::text as lsn, labelfile as label, spcmapfile as map from ${verbs.stop}`;
      const [end] = await session.query<{ lsn: string; label: string; map: string }>(sql);
      if (end === undefined) throw new Error("the backup did not end");
      return { stopLsn: parseLsn(end.lsn), backupLabel: end.label, tablespaceMap: end.map };
    },
    ...(partitionBytes === undefined ? {} : { partitionBytes }),
    ...(signal === undefined ? {} : { signal }),
  });
}
