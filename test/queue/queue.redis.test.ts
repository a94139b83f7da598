import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { openDoorbell } from "../../src/queue/doorbell.ts";
import type { Payload } from "../../src/queue/payload.ts";
import { openWorker } from "../../src/queue/worker.ts";
import { Secret } from "../../src/redact.ts";
import { startRedis } from "../support/redis.ts";

const log = silentLog;

async function bell(url: string, handle: (payload: Payload, signal: AbortSignal) => Promise<void>) {
  const redisUrl = new Secret(url);
  const doorbell = openDoorbell({ redisUrl, log });
  const worker = await openWorker({ redisUrl, queue: "phases", concurrency: 4, handle, log });
  return {
    ring: () => doorbell.ring("shop", "promote"),
    worker,
    doorbell,
    [Symbol.asyncDispose]: async () => {
      await worker.close(1_000);
      await doorbell.close();
    },
  };
}

const soon = { deadlineMs: 10_000, everyMs: 10 };

describe("the doorbell", () => {
  test("rings a worker, again and again, and leaves nothing behind", async () => {
    await using redis = await startRedis();
    const heard: Payload[] = [];
    await using door = await bell(redis.url, async (payload) => void heard.push(payload));
    for (const rings of [1, 2, 3]) {
      expect(await door.ring()).toBe(true);
      await waitFor(() => heard.length === rings, { ...soon, what: `ring ${rings}` });
    }
    expect(heard[0]).toEqual({ migrationId: "shop", phase: "promote" });
    const queue = new Queue("phases", { connection: { host: "127.0.0.1", port: redis.port }, prefix: "drawbridge" });
    await waitFor(async () => Object.values(await queue.getJobCounts()).every((count) => count === 0), {
      ...soon,
      what: "no job left",
    });
    await queue.close();
  });

  test("rung many times while its job runs, it runs exactly once more", async () => {
    await using redis = await startRedis();
    let runs = 0;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await using door = await bell(redis.url, async () => {
      runs += 1;
      await gate;
    });
    await door.ring();
    await waitFor(() => runs === 1, { ...soon, what: "the first run" });
    for (let n = 0; n < 5; n += 1) await door.ring();
    open();
    await waitFor(() => runs === 2, { ...soon, what: "the second run" });
    await door.ring();
    await waitFor(() => runs === 3, { ...soon, what: "a later ring" });
    expect(runs).toBe(3);
  });

  test("is heard again after FLUSHALL", async () => {
    await using redis = await startRedis();
    let runs = 0;
    await using door = await bell(redis.url, async () => void (runs += 1));
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    await door.ring();
    await waitFor(() => runs === 1, { ...soon, what: "a ring after FLUSHALL" });
    expect(runs).toBe(1);
  });

  test("costs two seconds at most while Redis is away, and throws nothing", async () => {
    const redis = await startRedis();
    const doorbell = openDoorbell({ redisUrl: new Secret(redis.url), log });
    await redis.stop();
    const before = performance.now();
    expect(await doorbell.ring("shop", "promote")).toBe(false);
    expect(performance.now() - before).toBeLessThan(2_500);
    await doorbell.close();
  });

  test("a handler that throws is rung again like any other", async () => {
    await using redis = await startRedis();
    let runs = 0;
    await using door = await bell(redis.url, async () => {
      runs += 1;
      throw new Error("boom");
    });
    await door.ring();
    await waitFor(() => runs === 1, { ...soon, what: "the first run" });
    await waitFor(async () => (await door.ring()) && runs >= 2, { ...soon, what: "the second run" });
    expect(runs).toBeGreaterThanOrEqual(2);
  });
});

describe("a worker", () => {
  test("refuses a Redis that evicts", async () => {
    await using redis = await startRedis();
    const client = new Redis(redis.url);
    await client.config("SET", "maxmemory-policy", "allkeys-lru");
    client.disconnect();
    await expect(bell(redis.url, async () => undefined)).rejects.toMatchObject({ code: "DB_CONFIG" });
  });

  test("drops payloads that are not ours", async () => {
    await using redis = await startRedis();
    const heard: Payload[] = [];
    await using door = await bell(redis.url, async (payload) => void heard.push(payload));
    const queue = new Queue("phases", { connection: { host: "127.0.0.1", port: redis.port }, prefix: "drawbridge" });
    await queue.add("x", { migrationId: "shop", phase: "promote", approved: true });
    await queue.add("x", { migrationId: "../etc", phase: "promote" });
    await door.ring();
    await waitFor(() => heard.length > 0, { ...soon, what: "the good one" });
    expect(heard).toEqual([{ migrationId: "shop", phase: "promote" }]);
    await queue.close();
  });

  test("that closes tells its job to stop and waits for it, but not for ever", async () => {
    await using redis = await startRedis();
    let started = false;
    let stopped = false;
    await using door = await bell(redis.url, async (_payload, signal) => {
      started = true;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      stopped = true;
    });
    await door.ring();
    await waitFor(() => started, { ...soon, what: "the job" });
    await door.worker.close(5_000);
    expect(stopped).toBe(true);
  });
});
