import { type Job, Worker } from "bullmq";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import { type Payload, payloadSchema, prefix, type QueueName } from "./payload.ts";
import { connectRedis, demandNoEviction, within } from "./redis.ts";

/** A running worker of one queue. */
export interface QueueWorker {
  /** Takes no more jobs, aborts the running ones' signal and waits for them, `graceMs` at most. */
  close(graceMs: number): Promise<void>;
}

/** How to open a worker. */
export interface WorkerOptions {
  readonly redisUrl: Secret;
  readonly queue: QueueName;
  /** Jobs at once. */
  readonly concurrency: number;
  /** Looks into the journal and does what is due. What it throws is logged: the journal knows when to try again. */
  readonly handle: (payload: Payload, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/**
 * Opens a worker. BullMQ may run a job twice, also in one process (after `FLUSHALL`, or when the event loop stalls): the
 * journal's lease, not the job's lock, decides who works.
 * @throws DrawbridgeError `DB_CONFIG` when Redis may evict keys, `DB_CONNECTION` when it does not answer within 10 s.
 */
export async function openWorker(options: WorkerOptions): Promise<QueueWorker> {
  const { log } = options;
  await demandNoEviction(options.redisUrl, log);
  const stop = new AbortController();
  const connection = connectRedis(options.redisUrl, log, true);
  const worker = new Worker(options.queue, (job) => runJob(job, options, stop.signal), {
    connection,
    prefix,
    concurrency: options.concurrency,
    // The job of a killed worker blocks rings of its own id until its lock has run out: seconds, not BullMQ's half minute,
    // because a window may be open. A busy process that loses its lock only causes a second look, which finds the lease taken.
    lockDuration: 3_000,
    stalledInterval: 1_000,
    // a stalled job is simply run again: whoever has the lease goes on
    maxStalledCount: 1_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
    // how long a lost wake-up (flushed keys) may go unnoticed
    drainDelay: 2,
  });
  // after FLUSHALL a finishing job has no key any more; that is no fault of ours
  worker.on("error", (error) => log.debug({ queue: options.queue, error: error.message }, "BullMQ reports"));
  return {
    close: async (graceMs) => {
      stop.abort();
      await within(graceMs, worker.close(), "the running job").catch(() => worker.close(true).catch(() => undefined));
      connection.disconnect();
    },
  };
}

async function runJob(job: Job<unknown>, options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const parsed = payloadSchema.safeParse(job.data);
  if (!parsed.success) {
    // not one of ours, or tampered with: whoever can write to Redis can only make us look
    options.log.warn({ queue: options.queue, name: job.name }, "a job with a strange payload was dropped");
    return;
  }
  try {
    await options.handle(parsed.data, signal);
  } catch (error) {
    options.log.error({ ...parsed.data, error: String(error) }, "a job failed; the journal decides when it runs again");
  }
}
