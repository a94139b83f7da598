import { join } from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { writeBaseBackup } from "../../src/archive/backup/write-backup.ts";
import { sentinelKey } from "../../src/archive/format/list-backups.ts";
import { parseBackupName, segmentBefore, usualSegmentBytes } from "../../src/archive/format/wal-names.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";
import { openS3Store } from "../../src/aws/s3-store.ts";
import { silentLog } from "../../src/log.ts";
import { parseLsn } from "../../src/postgres/lsn.ts";
import { Secret } from "../../src/redact.ts";
import { type Peers, walECommand, walGEnv } from "./peers.ts";
import { bucket, type S3Server } from "./s3-server.ts";
import { bindir, type SourceCluster } from "./source-cluster.ts";
import { output } from "./system.ts";

/** Our own client of the S3 server, for the archive `name`. Close it. */
export function storeOf(server: S3Server, name: string): ReturnType<typeof openS3Store> {
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: key = "" } = server.env;
  return openS3Store({
    bucket,
    prefix: name,
    endpoint: server.endpoint,
    region: "us-east-1",
    credentials: async () => ({ accessKeyId, secretAccessKey: new Secret(key) }),
    log: silentLog,
  });
}

/**
 * A base backup in WAL-E's format, as Heroku's archive has it: by the real wal-e where it is installed, else by our own
 * writer. wal-e's SQL calls are of PostgreSQL 14; on 15 two functions answer them while a session of ours holds the backup
 * open, and the labels go into the sentinel.
 */
export async function backUpAsWalE(
  peers: Peers,
  server: S3Server,
  source: SourceCluster,
  home: string,
): Promise<{ dataBytes: number; startSegment: string }> {
  const holder = await source.connect();
  const store = storeOf(server, "wal-e");
  try {
    const { rows } = await holder.query<{ start: string }>("SELECT pg_backup_start('bench', true)::text AS start");
    const start = rows[0]?.start ?? "";
    const stop = async (): Promise<StopRow> => {
      const answer = await holder.query<StopRow>(
        "SELECT lsn::text AS lsn, labelfile AS label, spcmapfile AS map FROM pg_backup_stop(true)",
      );
      return z.object({ lsn: z.string(), label: z.string(), map: z.string() }).parse(answer.rows[0]);
    };
    if (peers.walE === undefined) return await backUpByOurselves(store, source, start, stop, home);
    await holder.query(
      `CREATE FUNCTION pg_start_backup(text) RETURNS pg_lsn LANGUAGE sql AS $$SELECT '${start}'::pg_lsn$$`,
    );
    await holder.query("CREATE FUNCTION pg_stop_backup() RETURNS pg_lsn LANGUAGE sql AS 'SELECT pg_current_wal_lsn()'");
    const push = walECommand([peers.walE, "backup-push", source.dataDir], server, "wal-e", home);
    await output({ ...push, env: { ...push.env, ...source.env, PATH: `${bindir}:/usr/bin:/bin` } });
    await holder.query("DROP FUNCTION pg_start_backup(text), pg_stop_backup()");
    return await amendSentinel(store, await stop());
  } finally {
    store.close();
    await holder.end();
  }
}

interface StopRow {
  lsn: string;
  label: string;
  map: string;
}

async function backUpByOurselves(
  store: ObjectStore,
  source: SourceCluster,
  start: string,
  stop: () => Promise<StopRow>,
  home: string,
): Promise<{ dataBytes: number; startSegment: string }> {
  let dataBytes = 0;
  const name = await writeBaseBackup({
    store,
    dataDir: source.dataDir,
    timeline: 1,
    startLsn: parseLsn(start),
    stop: async () => {
      const { lsn, label, map } = await stop();
      return { stopLsn: parseLsn(lsn), backupLabel: label, tablespaceMap: map };
    },
    version: "PostgreSQL 15",
    tempDir: home,
    onProgress: ({ bytesTotal }) => (dataBytes = bytesTotal),
  });
  return { dataBytes, startSegment: parseBackupName(name)?.startSegment ?? "" };
}

/** Puts the true end and the labels into the sentinel that wal-e wrote. */
async function amendSentinel(store: ObjectStore, stop: StopRow): Promise<{ dataBytes: number; startSegment: string }> {
  for await (const { key } of store.list("basebackups_005/")) {
    const name = /^basebackups_005\/(base_[0-9A-F_]+)_backup_stop_sentinel\.json$/.exec(key)?.[1];
    const startSegment = name === undefined ? undefined : parseBackupName(name)?.startSegment;
    if (name === undefined || startSegment === undefined) continue;
    const found = await store.get(key);
    const written: unknown = JSON.parse(found ? await text(found.body) : "");
    const sentinel = z.looseObject({ expanded_size_bytes: z.number() }).parse(written);
    const lsn = parseLsn(stop.lsn);
    const amended = {
      ...sentinel,
      wal_segment_backup_stop: segmentBefore(1, lsn, usualSegmentBytes),
      wal_segment_offset_backup_stop: (lsn % BigInt(usualSegmentBytes)).toString().padStart(8, "0"),
      backup_label: stop.label,
      ...(stop.map.trim() === "" ? {} : { tablespace_map: stop.map }),
    };
    await store.put(sentinelKey(name), Buffer.from(JSON.stringify(amended)));
    return { dataBytes: sentinel.expanded_size_bytes, startSegment };
  }
  throw new Error("wal-e left no sentinel");
}

/** A base backup by the real wal-g. */
export async function backUpAsWalG(
  walG: string,
  method: "lz4" | "zstd" | "brotli",
  server: S3Server,
  source: SourceCluster,
  home: string,
): Promise<void> {
  const env = walGEnv(server, `wal-g-${method}`, join(home, "wal-g-home"));
  await output({
    argv: [walG, "backup-push", source.dataDir],
    env: { ...env, ...source.env, WALG_COMPRESSION_METHOD: method },
  });
}
