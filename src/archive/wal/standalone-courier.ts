import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, waitFor } from "../../clock.ts";
import { isAlive } from "../host/process-start.ts";
import { serveRestores, type ServeRestoresOptions } from "./serve-restores.ts";
import { courierPid, prepareSpool, type Spool } from "./spool.ts";

/** How a courier without an agent is run. */
export interface StandaloneOptions extends ServeRestoresOptions {
  /** The server's data directory; its `postmaster.pid` says whether the server that we began with still runs. */
  readonly dataDir: string;
  /** First segment to fetch. */
  readonly startAt?: string | undefined;
  /** How long nobody may ask before it ends, in milliseconds; 10 minutes unless told. */
  readonly idleMs?: number | undefined;
}

/** Why a courier has ended. */
export type StandaloneEnd = "stopped" | "server gone" | "idle" | "already served";

/**
 * Serves the `restore_command` of a cluster that was restored by hand, and ends by itself when its server is gone, also
 * when another one runs in its place, or has long not asked (after a promotion it never asks again). Needs nothing on disk
 * but the spool.
 */
export async function serveStandalone(options: StandaloneOptions): Promise<StandaloneEnd> {
  const { spool, dataDir, signal, clock = systemClock, idleMs = 10 * 60_000 } = options;
  if ((await courierPid(spool)) !== undefined) return "already served";
  const server = await runningServer(dataDir);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const service = await serveRestores({ ...options, walDir: join(dataDir, "pg_wal"), clock, signal: both });
  if (options.startAt !== undefined) service.startAt(options.startAt);
  let end: StandaloneEnd = "stopped";
  const broken = service.ended.finally(() => stop.abort());
  while (!both.aborted) {
    await clock.sleep(1_000, both).catch(() => undefined);
    if (both.aborted) break;
    if (server === undefined || (await runningServer(dataDir)) !== server) end = "server gone";
    else if (clock.now().getTime() - service.lastAskedAt().getTime() > idleMs) end = "idle";
    if (end !== "stopped") stop.abort();
  }
  await broken;
  return end;
}

/** Whether a courier is alive for this spool. */
export async function isCourierAlive(spool: Spool): Promise<boolean> {
  return (await courierPid(spool)) !== undefined;
}

/**
 * Makes a spool that holds nothing, for a cluster restored just now: segments that lie there ready would be handed to it
 * although they are of another restore into this directory. Waits until that one's courier has seen that its server is gone.
 * @throws DrawbridgeError `DB_WAIT_TIMEOUT` when a courier goes on serving for `deadlineMs`, in milliseconds.
 */
export async function prepareFreshSpool(spool: Spool, deadlineMs = 30_000): Promise<void> {
  const what = `the courier of an earlier restore to leave ${spool.dir}`;
  await waitFor(async () => !(await isCourierAlive(spool)), { deadlineMs, what });
  await rm(spool.dir, { recursive: true, force: true });
  await prepareSpool(spool);
}

/**
 * Starts `program` with `args` as a process that outlives this one and PostgreSQL's own signals to its children (a session of
 * its own), with this process's environment, which is where its credentials are. It writes to `logFile`.
 */
export async function startDetached(program: string, args: readonly string[], logFile: string): Promise<number> {
  const log = openSync(logFile, "a", 0o600);
  try {
    const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log], cwd: "/" });
    await once(child, "spawn");
    child.unref();
    return child.pid ?? 0;
  } finally {
    closeSync(log);
  }
}

/**
 * Process and start of the server that runs in `dataDir`, to be compared; `undefined` when none does. Lines 1 and 3 of
 * `postmaster.pid` (`miscinit.c`, CreateLockFile). A server that was started again may be another restore, with other keys.
 */
async function runningServer(dataDir: string): Promise<string | undefined> {
  const text = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
  const [pid = "", , startedAt = ""] = text.split("\n");
  return isAlive(Number.parseInt(pid, 10)) ? `${pid} ${startedAt}` : undefined;
}
