import { Queue } from "bullmq";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import { payloadSchema, prefix, type QueueName } from "./payload.ts";
import { connectRedis, within } from "./redis.ts";

/** Tells workers that there may be something to do. Never says what is true (law 1). */
export interface Doorbell extends AsyncDisposable {
  /**
   * Rings for a phase, a command or an agent. Never throws and takes two seconds at most: what could not be rung is rung
   * again by the sweep. Ringing twice is one job; ringing while the job runs makes it run once more afterwards.
   */
  ring(migrationId: string, phase: string, queue?: QueueName): Promise<boolean>;
  close(): Promise<void>;
}

const ringDeadlineMs = 2_000;

/** Opens the doorbell. Does not wait for Redis. */
export function openDoorbell(options: { readonly redisUrl: Secret; readonly log: Log }): Doorbell {
  const { log } = options;
  const connection = connectRedis(options.redisUrl, log, false);
  const queues = new Map<QueueName, Queue>();
  const queueOf = (name: QueueName): Queue => {
    const known = queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection, prefix, skipVersionCheck: false });
    // the connection's own listener says it once; without one here every try would be an uncaught error
    queue.on("error", () => undefined);
    queues.set(name, queue);
    return queue;
  };
  const ring: Doorbell["ring"] = async (migrationId, phase, queue = "phases") => {
    try {
      const payload = payloadSchema.parse({ migrationId, phase });
      const id = `${migrationId}-${phase}`;
      // no job id: a kept id swallows later rings; keepLastIfActive: a ring during the job is not lost (both measured)
      const job = queueOf(queue).add(phase, payload, {
        deduplication: { id, keepLastIfActive: true },
        removeOnComplete: true,
        removeOnFail: true,
        attempts: 1,
      });
      job.catch(() => undefined);
      await within(ringDeadlineMs, job, "Redis");
      return true;
    } catch (error) {
      log.debug({ migrationId, phase, queue, error: String(error) }, "could not ring; the sweep rings again");
      return false;
    }
  };
  const close = async (): Promise<void> => {
    const closing = Promise.all([...queues.values()].map((queue) => queue.close()));
    await within(ringDeadlineMs, closing, "Redis").catch(() => undefined);
    connection.disconnect();
  };
  return { ring, close, [Symbol.asyncDispose]: close };
}
