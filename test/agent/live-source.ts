import { execFileSync } from "node:child_process";
import { cp, rename, rm } from "node:fs/promises";
import { writeBaseBackup } from "../../src/archive/backup/write-backup.ts";
import { parseWalLsn } from "../../src/archive/format/wal-names.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { waitFor } from "../../src/clock.ts";
import { openSession } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { serverOwner, type ArchivingSource } from "../archive/wal/replica.ts";
import type { TestBridge } from "./bridge.ts";

/** Puts a base backup of a running source into its archive, as WAL-E would. */
export async function backUp({ cluster, archive }: ArchivingSource): Promise<string> {
  await using session = await openSession(new Secret(cluster.url()), { applicationName: "drawbridge-test" });
  const isNew = cluster.version >= 15;
  const begin = isNew ? "pg_backup_start('test', true)" : "pg_start_backup('test', true, false)";
  const end = isNew ? "pg_backup_stop(true)" : "pg_stop_backup(false, true)";
  const [start] = await session.query<{ lsn: string; version: string }>(
    `select ${begin}::text as lsn, version() as version`,
  );
  return await writeBaseBackup({
    store: folderStore(archive),
    dataDir: cluster.dataDir,
    timeline: 1,
    startLsn: parseWalLsn(start?.lsn ?? ""),
    version: start?.version ?? "",
    stop: async () => {
      const [stop] = await session.query<{ lsn: string; labelfile: string; spcmapfile: string }>(
        `select lsn::text as lsn, labelfile, spcmapfile from ${end}`,
      );
      return {
        stopLsn: parseWalLsn(stop?.lsn ?? ""),
        backupLabel: stop?.labelfile ?? "",
        tablespaceMap: stop?.spcmapfile ?? "",
      };
    },
  });
}

/** Keeps the source's files as they are; what is returned goes back to them, as a failover to a late replica does. */
export async function remember({ cluster }: ArchivingSource): Promise<() => Promise<void>> {
  const copy = `${cluster.dataDir}.copy`;
  await cluster.stop();
  await cp(cluster.dataDir, copy, { recursive: true, preserveTimestamps: true });
  const owner = serverOwner();
  if (owner) execFileSync("chown", ["-R", `${owner.uid}:${owner.gid}`, copy]);
  execFileSync("chmod", ["700", copy]);
  await cluster.start();
  return async () => {
    await cluster.stop("immediate");
    await rm(cluster.dataDir, { recursive: true });
    await rename(copy, cluster.dataDir);
  };
}

/** Waits until the bridge has as many rows as the source has written. */
export async function rowsArrive(bridge: TestBridge, port: number, count: number): Promise<void> {
  const look = async (): Promise<boolean> => {
    await using session = await bridge.session("postgres", port);
    const [row] = await session.query<{ count: number }>("select count(*)::int as count from rows");
    return row?.count === count;
  };
  await waitFor(() => look().catch(() => false), { deadlineMs: 60_000, what: `${count} rows on the bridge` });
}
