import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, openSync, readFileSync } from "node:fs";
import { chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, type QueryResultRow } from "pg";
import type { Owner } from "../../../src/archive/server/owned-file.ts";
import type { RestoreMode } from "../../../src/archive/wal/serve-restores.ts";
import { prepareSpool, type Spool } from "../../../src/archive/wal/spool.ts";
import { writeWalScripts } from "../../../src/archive/wal/wal-scripts.ts";
import { startCluster, type TestCluster } from "../../support/cluster.ts";
import { freePort } from "../../support/free-port.ts";
import { serverUser } from "../../support/server-user.ts";
import { watchOver } from "../../support/watchdog.ts";

/** A server that archives its WAL, uncompressed, into a folder as WAL-G would without compression. */
export interface ArchivingSource extends AsyncDisposable {
  readonly cluster: TestCluster;
  /** The archive's prefix. */
  readonly archive: string;
  /** Writes one row `n`, ends the segment, and resolves with that segment's name when it is archived. */
  writeSegment(n: number): Promise<string>;
  /** A cold copy of its data directory, as a replica that has not been started. */
  copy(mode: RestoreMode): Promise<Replica>;
  /** Puts it on a new timeline, as a failover does. */
  switchTimeline(): Promise<void>;
}

/** A server that recovers through `restore-wal.sh`. */
export interface Replica extends AsyncDisposable {
  readonly spool: Spool;
  readonly walDir: string;
  start(): void;
  /** Ends it at once, as a power loss would, but for what the system still holds. */
  crash(): Promise<void>;
  /** Resolves when the server has ended by itself, with its log. */
  ended(): Promise<string>;
  /** `undefined` while it does not answer. */
  query<Row extends QueryResultRow>(sql: string): Promise<Row[] | undefined>;
  log(): string;
}

/** The user of the servers, when that is not us. */
export function serverOwner(): Owner | undefined {
  const { uid, gid } = serverUser();
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** Starts one of PostgreSQL `version` (the system's unless told), with an empty table `rows`. */
export async function startSource(version?: 17): Promise<ArchivingSource> {
  const home = await mkdtemp("/tmp/drawbridge-archive-");
  const wal = join(home, "wal_005");
  await mkdir(wal);
  for (const path of [home, wal]) await give(path);
  const archiveCommand = `cp "%p" "${wal}/.%f" && mv "${wal}/.%f" "${wal}/%f"`;
  const settings = { archive_mode: "on", archive_command: `'${archiveCommand}'`, wal_level: "replica" };
  const cluster = await startCluster({ ...(version ? { version } : {}), settings });
  await cluster.query("create table rows (n int)");
  return {
    cluster,
    archive: home,
    writeSegment: async (n) => {
      await cluster.query(`insert into rows values (${n})`);
      const [row] = await cluster.query<{ name: string }>("select pg_walfile_name(pg_switch_wal()) as name");
      return row?.name ?? "";
    },
    copy: async (mode) => {
      await cluster.stop();
      const replica = await makeReplica(cluster, mode);
      await cluster.start();
      return replica;
    },
    switchTimeline: async () => {
      await cluster.stop();
      const signal = join(cluster.dataDir, "standby.signal");
      await writeFile(signal, "");
      await give(signal);
      await cluster.start();
      await cluster.query("select pg_promote()");
    },
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function makeReplica(source: TestCluster, mode: RestoreMode): Promise<Replica> {
  const home = await mkdtemp("/tmp/drawbridge-replica-");
  await give(home);
  const owner = serverOwner();
  const [dataDir, logFile] = [join(home, "data"), join(home, "log")];
  await cp(source.dataDir, dataDir, { recursive: true, preserveTimestamps: true });
  await run("chown", ["-R", owner ? `${owner.uid}:${owner.gid}` : String(process.getuid?.()), dataDir]);
  await chmod(dataDir, 0o700);
  const spool: Spool = { dir: join(home, "spool"), owner };
  await prepareSpool(spool);
  const { restoreCommand } = await writeWalScripts(home, spool, { mode });
  const quoted = restoreCommand.replaceAll("'", "''");
  const lines = [`restore_command = '${quoted}'`, "archive_mode = off", "wal_retrieve_retry_interval = '100ms'"];
  appendFileSync(join(dataDir, "postgresql.conf"), `\n${lines.join("\n")}\n`);
  const signal = join(dataDir, mode === "standby" ? "standby.signal" : "recovery.signal");
  await writeFile(signal, "");
  await give(signal);
  const port = await freePort();
  let child: ChildProcess | undefined;
  let exited: Promise<unknown> = Promise.resolve();
  return {
    spool,
    walDir: join(dataDir, "pg_wal"),
    crash: async () => {
      child?.kill("SIGQUIT");
      await exited;
    },
    start: () => {
      const log = openSync(logFile, "a");
      const args = ["-D", dataDir, "-p", String(port), "-h", "127.0.0.1", "-k", home];
      child = spawn(join(source.bindir, "postgres"), args, { cwd: home, stdio: ["ignore", log, log], ...serverUser() });
      closeSync(log);
      exited = once(child, "exit");
      const dog = watchOver(child.pid ?? 0, home);
      void exited.then(() => dog.dismiss());
    },
    ended: async () => {
      await exited;
      return readFileSync(logFile, "utf8");
    },
    query: (sql) => tryQuery(port, sql),
    log: () => readFileSync(logFile, "utf8"),
    [Symbol.asyncDispose]: async () => {
      if (child?.exitCode === null) child.kill("SIGQUIT");
      await exited;
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function tryQuery<Row extends QueryResultRow>(port: number, sql: string): Promise<Row[] | undefined> {
  const client = new Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  await once(spawn(command, args, { stdio: "ignore" }), "exit");
}

async function give(path: string): Promise<void> {
  const owner = serverOwner();
  if (owner) await chown(path, owner.uid, owner.gid);
}
