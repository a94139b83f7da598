import { readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "../../clock.ts";
import type { Log } from "../../log.ts";

/** What the sandbox is told of an instance that has come up. */
export interface InstanceBoot {
  readonly instanceId: string;
  /** Plain text. */
  readonly userData: string;
  /** The instance's disk: removed with it. */
  readonly directory: string;
  /** For `AWS_EC2_METADATA_SERVICE_ENDPOINT` of its processes. */
  readonly imdsUrl: string;
}

/** The process that an instance runs. */
export interface InstanceProcess {
  readonly pid?: number | undefined;
  /** Settles when the process has ended, for whatever reason. */
  readonly exited: Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the process of an instance; called again when it has died. */
export type StartInstance = (boot: InstanceBoot) => Promise<InstanceProcess>;

/** A host that runs. */
export interface Host {
  pid(): number | undefined;
  /** Switches it off: its process, every PostgreSQL whose data lies on its disk, then the disk. */
  destroy(): Promise<void>;
}

/** How long a service manager waits before it starts a dead service again. */
const restartPauseMs = 500;

/** Runs an instance's process and starts it again whenever it dies, as a service manager would. */
export function runHost(boot: InstanceBoot, start: StartInstance, log: Log): Host {
  const off = new AbortController();
  let current: InstanceProcess | undefined;
  const supervise = async (): Promise<void> => {
    while (!off.signal.aborted) {
      try {
        current = await start(boot);
        if (off.signal.aborted) await current.stop();
        await current.exited;
      } catch (error) {
        log.warn({ instanceId: boot.instanceId, error: String(error) }, "the instance's process failed");
      }
      current = undefined;
      await delay(restartPauseMs, undefined, { signal: off.signal }).catch(() => undefined);
    }
  };
  const supervised = supervise();
  return {
    pid: () => current?.pid,
    destroy: async () => {
      off.abort();
      await current?.stop();
      await supervised;
      await stopClusters(boot.directory);
      await rm(boot.directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Ends the PostgreSQL servers that outlive the agent: at once, as a power switch does. */
async function stopClusters(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true }).catch(() => []);
  for (const file of entries.filter((path) => path.endsWith("postmaster.pid"))) {
    const pid = Number((await readFile(join(directory, file), "utf8").catch(() => "")).split("\n")[0]);
    if (!(pid > 1) || !(await worksIn(pid, directory))) continue;
    process.kill(pid, "SIGQUIT");
    const gone = async (): Promise<boolean> => !(await worksIn(pid, directory));
    await waitFor(gone, { what: `PostgreSQL ${pid} to end`, deadlineMs: 5_000, everyMs: 50 }).catch(() =>
      process.kill(pid, "SIGKILL"),
    );
  }
}

/** Whether the process is one of this directory: process ids are used again. A postmaster works in its data directory. */
async function worksIn(pid: number, directory: string): Promise<boolean> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
  return cwd.startsWith(`${directory}/`);
}
