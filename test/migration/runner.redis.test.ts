import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { timings } from "../../src/journal/attempts.ts";
import { windowRuns } from "../../src/journal/windows.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { done, makeScratch, migrationAt, openWindow1, scratchWorld, type ScratchWorld } from "./runner-kit.ts";

let cluster: TestCluster;
let journal: TestJournal;
let redis: TestRedis;
let made = 0;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  [cluster, redis] = await Promise.all([startCluster(), startRedis()]);
  journal = await makeJournal(cluster);
});
afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

// a worker left behind would take the next test's jobs to its own scratch database
afterEach(async () => {
  await Promise.all([...children].map(end));
});

function startChild(world: ScratchWorld, dieAt?: string): ChildProcess {
  const orders = {
    journalUrl: journal.urls.worker.reveal(),
    redisUrl: redis.url,
    scratchUrl: world.scratchUrl.reveal(),
    ...(dieAt === undefined ? {} : { dieAt }),
  };
  const child = spawn(process.execPath, [new URL("child-worker.ts", import.meta.url).pathname], {
    env: { PATH: process.env["PATH"] ?? "", CHILD_ORDERS: JSON.stringify(orders) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

async function window(): Promise<{ id: string; world: ScratchWorld }> {
  const id = `kill-${++made}`;
  const world = scratchWorld(journal.worker, await makeScratch(cluster));
  await migrationAt(journal.worker, id, "promote");
  await openWindow1(journal, id);
  return { id, world };
}

async function closed(id: string): Promise<void> {
  const state = async () => (await windowRuns(journal.worker, id)).at(-1)?.state === "closed";
  await waitFor(state, { deadlineMs: 30_000, everyMs: 50, what: `${id} to be done` });
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

describe("a worker killed with SIGKILL", () => {
  const points = ["ran:gated", "ran:fence", "ran:no-return", "recorded:no-return"];
  test.each(points)("at %s: the next worker finishes, each effect there once", async (point) => {
    const { id, world } = await window();
    const first = startChild(world, point);
    await once(first, "exit");
    expect(first.signalCode).toBe("SIGKILL");
    const second = startChild(world);
    await closed(id);
    await end(second);
    const effects = (await done(world)).filter((what) => what !== "fence");
    expect(effects).toEqual(["gated", "marker", "no-return", "after"]);
    expect(await world.scratch.query("select step from effect order by step")).toHaveLength(4);
    await world.scratch.end();
  });
});

describe("Redis", () => {
  test("flushed again and again while two workers run costs nothing but seconds", async () => {
    const { id, world } = await window();
    const client = new Redis(redis.url);
    const workers = [startChild(world), startChild(world)];
    const flushing = setInterval(() => void client.flushall(), 50);
    try {
      await waitFor(async () => (await timings(journal.worker, id)).length > 0, {
        deadlineMs: 30_000,
        everyMs: 20,
        what: "a first step",
      });
      await closed(id);
    } finally {
      clearInterval(flushing);
      client.disconnect();
    }
    await Promise.all(workers.map(end));
    expect(await done(world)).toEqual(["gated", "fence", "marker", "no-return", "after"]);
    await world.scratch.end();
  });
});
