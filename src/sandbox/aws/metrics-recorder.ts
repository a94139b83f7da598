import { readdir, readFile, statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { openDatabase } from "../../postgres/connect.ts";
import type { SandboxCluster } from "../postgres/cluster.ts";

/** One measurement of a cluster; names and units as in CloudWatch's namespace `AWS/RDS`. */
export interface Measurement {
  readonly at: Date;
  readonly values: Readonly<Record<string, number>>;
}

/** Measures a cluster from time to time. */
export interface MetricsRecorder {
  /** Measurements of the last hours, oldest first. */
  readonly measurements: readonly Measurement[];
  stop(): Promise<void>;
}

/** Two hours of one every five seconds. */
const kept = 1_440;

/** Starts measuring; the first value is there after one interval. */
export function recordMetrics(cluster: SandboxCluster, everyMs: number): MetricsRecorder {
  const database = openDatabase(cluster.adminUrl(), { applicationName: "rdsadmin-metrics", max: 1 });
  const measurements: Measurement[] = [];
  let last: { at: number; ticks: number } | undefined;
  let running: Promise<void> = Promise.resolve();
  const measure = async (): Promise<void> => {
    const pid = cluster.pid();
    if (pid === undefined) return;
    const now = { at: performance.now(), ticks: await cpuTicks(pid) };
    const disk = await statfs(cluster.dataDir);
    const cpu = last === undefined ? undefined : cpuPercent(last, now);
    last = now;
    const values = {
      ...(cpu === undefined ? {} : { CPUUtilization: cpu }),
      FreeStorageSpace: disk.bavail * disk.bsize,
      FreeableMemory: await availableMemoryBytes(),
      ...(await askServer(database)),
    };
    measurements.push({ at: new Date(), values });
    if (measurements.length > kept) measurements.shift();
  };
  const timer = setInterval(() => {
    // a restart or a lost session costs one value, as it does on AWS
    running = running.then(measure).catch(() => undefined);
  }, everyMs);
  return {
    measurements,
    stop: async () => {
      clearInterval(timer);
      await running;
      await database.end();
    },
  };
}

/** Linux counts processor time in hundredths of a second (USER_HZ). */
const ticksPerSecond = 100;

function cpuPercent(before: { at: number; ticks: number }, now: { at: number; ticks: number }): number {
  const seconds = (now.at - before.at) / 1000;
  // processes that ended in between took their ticks with them
  const busy = Math.max(0, now.ticks - before.ticks) / ticksPerSecond;
  return Math.min(100, (busy / seconds / availableParallelism()) * 100);
}

/** Processor time of the postmaster, of its living children and of those it has buried, in ticks. */
async function cpuTicks(postmaster: number): Promise<number> {
  let ticks = 0;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // the second field is the name in parentheses and may hold anything
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [parent, own] = [Number(fields[1]), Number(fields[11]) + Number(fields[12])];
    if (Number(name) === postmaster) ticks += own + Number(fields[13]) + Number(fields[14]);
    else if (parent === postmaster) ticks += own;
  }
  return ticks;
}

async function availableMemoryBytes(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8");
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

async function askServer(database: ReturnType<typeof openDatabase>): Promise<Record<string, number>> {
  const [row] = await database.query<{ connections: number; wal: string; lag: string | null }>(
    `select (select count(*)::int from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()) as connections,
            (select coalesce(sum(size), 0)::text from pg_ls_waldir()) as wal,
            (select max(pg_current_wal_lsn() - restart_lsn)::text from pg_replication_slots) as lag`,
  );
  if (row === undefined) return {};
  return {
    DatabaseConnections: row.connections,
    TransactionLogsDiskUsage: Number(row.wal),
    ...(row.lag === null ? {} : { OldestReplicationSlotLag: Number(row.lag) }),
  };
}
