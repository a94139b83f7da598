import { execFileSync } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { instancePaths } from "../../src/agent/instance.ts";
import { writeBaseBackup } from "../../src/archive/backup/write-backup.ts";
import { parseWalLsn } from "../../src/archive/format/wal-names.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { waitFor } from "../../src/clock.ts";
import { openSession, type Session } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { serverOwner, startSource, type ArchivingSource } from "../archive/wal/replica.ts";
import { crc32c } from "../support/archive-maker-sums.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeBridge } from "./bridge.ts";
import { rowsArrive } from "./live-source.ts";

/** A standby of the source with room for higher limits: a backup of it outlives a restart of the source. */
async function startStandby({ cluster, archive }: ArchivingSource): Promise<TestCluster> {
  const standby = await startCluster();
  await standby.stop();
  await cluster.stop();
  await rm(standby.dataDir, { recursive: true });
  await cp(cluster.dataDir, standby.dataDir, { recursive: true, preserveTimestamps: true });
  await writeFile(join(standby.dataDir, "standby.signal"), "");
  const owner = serverOwner();
  if (owner) execFileSync("chown", ["-R", `${owner.uid}:${owner.gid}`, standby.dataDir]);
  execFileSync("chmod", ["700", standby.dataDir]);
  await cluster.start();
  const restoreCommand = `'cp "${archive}/wal_005/%f" "%p"'`;
  await standby.start({
    restore_command: restoreCommand,
    wal_retrieve_retry_interval: "'100ms'",
    max_connections: 600,
    max_locks_per_transaction: 512,
  });
  return standby;
}

async function rowsOf(cluster: TestCluster): Promise<number> {
  const [row] = await cluster.query<{ count: number }>("select count(*)::int as count from rows");
  return row?.count ?? 0;
}

interface Begun {
  readonly startLsn: bigint;
  readonly version: string;
  readonly isNew: boolean;
}

async function beginBackup(standby: TestCluster, session: Session): Promise<Begun> {
  const isNew = standby.version >= 15;
  const begin = isNew ? "pg_backup_start('test', true)" : "pg_start_backup('test', true, false)";
  const [start] = await session.query<{ lsn: string; version: string }>(
    `select ${begin}::text as lsn, version() as version`,
  );
  if (!start) throw new Error("no backup was begun");
  return { startLsn: parseWalLsn(start.lsn), version: start.version, isNew };
}

/** Ends the backup, and copies the files of the standby as it stands then, with a control file of before the source's restart. */
async function finishBackup(standby: TestCluster, session: Session, begun: Begun, archive: string): Promise<void> {
  const { startLsn, version, isNew } = begun;
  const end = isNew ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)";
  const [stop] = await session.query<{ lsn: string; labelfile: string; spcmapfile: string }>(
    `select lsn::text as lsn, labelfile, spcmapfile from ${end}`,
  );
  if (!stop) throw new Error("no backup was ended");
  await session.close();
  await standby.stop("immediate");
  await lowerLimits(join(standby.dataDir, "global/pg_control"));
  const stopped = { stopLsn: parseWalLsn(stop.lsn), backupLabel: stop.labelfile, tablespaceMap: stop.spcmapfile };
  const store = folderStore(archive);
  const { dataDir } = standby;
  await writeBaseBackup({ store, dataDir, timeline: 1, startLsn, version, stop: () => Promise.resolve(stopped) });
}

/** As it is in a backup whose control file was copied early (an exclusive one outlives a restart), which takes luck to meet. */
async function lowerLimits(path: string): Promise<void> {
  const bytes = await readFile(path);
  const crcAt = Array.from({ length: 64 }, (_, index) => 224 + 4 * index).find(
    (at) => crc32c(bytes.subarray(0, at)) === bytes.readUInt32LE(at),
  );
  if (crcAt === undefined || bytes.readInt32LE(180) !== 500 || bytes.readInt32LE(196) !== 200)
    throw new Error("the control file is not as it is known");
  bytes.writeInt32LE(100, 180);
  bytes.writeInt32LE(64, 196);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, crcAt)), crcAt);
  await writeFile(path, bytes);
}

test("limits that the source raised before the backup's end stop a server that is not consistent yet: it starts again with higher ones", async () => {
  await using source = await startSource();
  const { cluster } = source;
  await cluster.stop();
  // without it no standby can be backed up
  await cluster.start({ full_page_writes: "on" });
  await using standby = await startStandby(source);
  await source.writeSegment(1);
  await waitFor(async () => (await rowsOf(standby)) === 1, { deadlineMs: 60_000, what: "a row on the standby" });
  await using session = await openSession(new Secret(standby.url()), { applicationName: "drawbridge-test" });
  const begun = await beginBackup(standby, session);
  await cluster.stop();
  await cluster.start({ max_connections: 500, max_locks_per_transaction: 200 });
  const [raised] = await cluster.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
  await source.writeSegment(2);
  await waitFor(async () => (await rowsOf(standby)) === 2, { deadlineMs: 60_000, what: "a second row" });
  await standby.query("checkpoint");
  const [behind] = await standby.query<{ is: boolean }>(
    `select min_recovery_end_lsn > '${raised?.lsn}'::pg_lsn as is from pg_control_recovery()`,
  );
  expect(behind).toEqual({ is: true });
  await finishBackup(standby, session, begun, source.archive);
  await source.writeSegment(3);
  await using bridge = await makeBridge(folderStore(source.archive));
  bridge.journal.setGoal("standby", { database: "postgres", sourceSettings: { max_connections: 100 } });
  bridge.startAgent();
  const { facts } = await bridge.journal.reached("following");
  await rowsArrive(bridge, facts.port ?? 0, 3);
  await using local = await bridge.session("postgres", facts.port ?? 0);
  expect(
    await local.query(`select current_setting('max_connections') as connections,
                              current_setting('max_locks_per_transaction') as locks`),
  ).toEqual([{ connections: "1000", locks: "400" }]);
  // it really was stopped by that
  const log = await readFile(instancePaths(bridge.instanceDir).logFile, "utf8");
  expect(log).toMatch(/FATAL: +recovery aborted because of insufficient parameter settings/);
});
