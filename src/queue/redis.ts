import { Redis } from "ioredis";
import { DrawbridgeError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";

/** How long to wait before the next try to reach Redis: soon at first, then every two seconds. */
function retryMs(tries: number): number {
  return Math.min(100 * 2 ** Math.min(tries, 5), 2_000);
}

/**
 * A connection that comes back by itself whenever Redis does. `patient`: commands wait for that, as BullMQ's worker
 * needs it; otherwise they fail at once.
 */
export function connectRedis(url: Secret, log: Log, patient: boolean): Redis {
  const redis = new Redis(url.reveal(), {
    maxRetriesPerRequest: patient ? null : 1,
    retryStrategy: retryMs,
    connectTimeout: 5_000,
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
  });
  keepCalm(redis, log);
  return redis;
}

/** Says once when Redis is away and once when it is back, instead of once a try. */
function keepCalm(redis: Redis, log: Log): void {
  let away = false;
  redis.on("error", (error) => {
    if (!away) log.warn({ error: error.message }, "Redis is away; the journal's sweep goes on");
    away = true;
  });
  redis.on("ready", () => {
    if (away) log.info({}, "Redis is back");
    away = false;
  });
}

/**
 * Refuses a Redis that may throw away keys when it is full: rings would vanish (BullMQ's own warning is only printed).
 * Asks `INFO`, since managed servers forbid `CONFIG`.
 * @throws DrawbridgeError `DB_CONFIG` for another policy than `noeviction`; `DB_CONNECTION` when Redis does not answer in time.
 */
export async function demandNoEviction(url: Secret, log: Log, deadlineMs = 10_000): Promise<void> {
  const redis = connectRedis(url, log, true);
  try {
    const info = await within(deadlineMs, redis.info("memory"), "Redis");
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy !== undefined && policy !== "noeviction") {
      throw new DrawbridgeError(
        "DB_CONFIG",
        `Redis has maxmemory-policy ${policy}: set it to noeviction, or rings are thrown away when memory is short`,
      );
    }
  } finally {
    redis.disconnect();
  }
}

/** The promise's value, unless `ms` pass first. @throws DrawbridgeError `DB_CONNECTION`. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new DrawbridgeError("DB_CONNECTION", `${what} did not answer in ${ms} ms`)),
    ms,
  );
  try {
    return await Promise.race([promise, late]);
  } catch (cause) {
    if (cause instanceof DrawbridgeError) throw cause;
    throw new DrawbridgeError("DB_CONNECTION", `${what} refused`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
