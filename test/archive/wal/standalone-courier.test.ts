import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DecodePool, openDecodePool } from "../../../src/archive/wal/decode-pool.ts";
import { prepareSpool } from "../../../src/archive/wal/spool.ts";
import {
  isCourierAlive,
  prepareFreshSpool,
  serveStandalone,
  type StandaloneEnd,
  type StandaloneOptions,
  startDetached,
} from "../../../src/archive/wal/standalone-courier.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { silentLog } from "../../../src/log.ts";
import { until } from "./courier-world.ts";
import { makeSegment, memoryStore, nameOf } from "./made-wal.ts";

let home = "";
let pool: DecodePool;
beforeAll(async () => {
  home = await mkdtemp("/tmp/drawbridge-standalone-");
  pool = openDecodePool(1);
});
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** Writes what a server leaves in its data directory while it runs. */
async function writePidFile(dataDir: string, pid: number, startedAt: number): Promise<void> {
  await writeFile(join(dataDir, "postmaster.pid"), `${pid}\n${dataDir}\n${startedAt}\n5432\n${dataDir}\n`);
}

/** A courier for a server whose process is `serverPid`. */
async function serve(serverPid: number, options: Partial<StandaloneOptions> = {}): Promise<StandaloneEnd> {
  const dataDir = await mkdtemp(join(home, "data-"));
  await writePidFile(dataDir, serverPid, 1_790_000_000);
  const spool = { dir: join(dataDir, "spool") };
  await prepareSpool(spool);
  return serveStandalone({
    spool,
    dataDir,
    source: new WalSource({ store: memoryStore({ [nameOf(1)]: makeSegment(1) }), pool }),
    mode: "standby",
    startAt: nameOf(1),
    onFault: () => undefined,
    log: silentLog,
    signal: new AbortController().signal,
    ...options,
  });
}

test("a courier without an agent ends when its server is gone", async () => {
  const server = spawn("sleep", ["60"]);
  const serving = serve(server.pid ?? 0);
  server.kill();
  await once(server, "exit");
  expect(await serving).toBe("server gone");
});

test.each([
  ["has another process", () => process.ppid, 1_790_000_000],
  ["was started at another time", () => process.pid, 1_790_000_060],
])(
  "and when the server in that directory %s: it may be another restore, with other keys",
  async (_, pid, startedAt) => {
    const dataDir = await mkdtemp(join(home, "data-"));
    await writePidFile(dataDir, process.pid, 1_790_000_000);
    const spool = { dir: join(dataDir, "spool") };
    await prepareSpool(spool);
    const serving = serve(process.pid, { dataDir, spool });
    await until("the first segment", () => existsSync(join(spool.dir, "ready", nameOf(1))));
    expect(await isCourierAlive(spool)).toBe(true);
    await writePidFile(dataDir, pid(), startedAt);
    expect(await serving).toBe("server gone");
    expect(await isCourierAlive(spool)).toBe(false);
  },
);

test("and when nobody has asked for long, as after a promotion", async () => {
  expect(await serve(process.pid, { idleMs: 10 })).toBe("idle");
});

test("and when it is told to", async () => {
  expect(await serve(process.pid, { signal: AbortSignal.timeout(50) })).toBe("stopped");
});

test("is seen to be alive while it serves, and fetches from the first segment on", async () => {
  const stop = new AbortController();
  const spool = { dir: join(home, "spool") };
  await prepareSpool(spool);
  expect(await isCourierAlive(spool)).toBe(false);
  const serving = serve(process.pid, { spool, signal: stop.signal });
  await until("the first segment", () => existsSync(join(spool.dir, "ready", nameOf(1))));
  expect(await isCourierAlive(spool)).toBe(true);
  expect(await serve(process.pid, { spool })).toBe("already served");
  stop.abort();
  await serving;
  expect(await isCourierAlive(spool)).toBe(false);
});

test("what an earlier restore's courier left ready is not handed to the next one", async () => {
  const stop = new AbortController();
  const spool = { dir: join(home, "used spool") };
  await prepareSpool(spool);
  const serving = serve(process.pid, { spool, signal: stop.signal });
  const left = join(spool.dir, "ready", nameOf(1));
  await until("the first segment", () => existsSync(left));
  await expect(prepareFreshSpool(spool, 10)).rejects.toMatchObject({ code: "DB_WAIT_TIMEOUT" });
  expect(existsSync(left)).toBe(true);
  stop.abort();
  await prepareFreshSpool(spool);
  await serving;
  expect(await readdir(join(spool.dir, "ready"))).toEqual([]);
});

test("is started in a session of its own, where the server's signals do not reach it", async () => {
  const logFile = join(home, "courier.log");
  const pid = await startDetached("sh", ["-c", "ps -o sid= -p $$"], logFile);
  await until("its words", async () => (await readFile(logFile, "utf8")).endsWith("\n"));
  expect((await readFile(logFile, "utf8")).trim()).toBe(String(pid));
});
