import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { codes, DrawbridgeError, type Code } from "../../errors.ts";
import type { Decoded, DecodeJob } from "./decode-job.ts";
import type { DecodeAnswer } from "./decode-worker.ts";

/** Threads that decode and prove WAL, so that the main thread stays free to answer. */
export interface DecodePool extends AsyncDisposable {
  /** Runs one job when a thread is free. @throws DrawbridgeError as `decodeWal` does. */
  run(job: DecodeJob): Promise<Decoded>;
  /** Starts all threads now, so that the first job does not wait for one. */
  warm(): void;
}

/**
 * Opens a pool of at most `threads` threads; each is started when it is first needed or all when warmed, and idle ones keep nothing alive.
 * `program` is what they run, where it is not the usual one.
 */
export function openDecodePool(threads: number, program = new URL("decode-worker.ts", import.meta.url)): DecodePool {
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  const waiting: ((worker: Worker) => void)[] = [];
  const start = (): Worker => {
    const worker = new Worker(program);
    worker.unref();
    // a fault outside a job (out of memory) is told to the job by "exit"; without a listener it would end the process
    worker.on("error", () => undefined);
    worker.once("exit", () => {
      all.delete(worker);
      // one that ended while it had nothing to do would never answer the next job
      const at = idle.indexOf(worker);
      if (at >= 0) idle.splice(at, 1);
    });
    all.add(worker);
    return worker;
  };
  const acquire = async (): Promise<Worker> => {
    const free = idle.pop();
    if (free) return free;
    if (all.size < threads) return start();
    return new Promise((resolve) => waiting.push(resolve));
  };
  const release = (worker: Worker): void => {
    const usable = all.has(worker) ? worker : start();
    const next = waiting.shift();
    if (next) next(usable);
    else idle.push(usable);
  };
  return {
    run: async (job) => {
      const worker = await acquire();
      worker.ref();
      try {
        return await runOn(worker, job);
      } finally {
        worker.unref();
        release(worker);
      }
    },
    warm: () => {
      while (all.size < threads) idle.push(start());
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}

async function runOn(worker: Worker, job: DecodeJob): Promise<Decoded> {
  const over = new AbortController();
  try {
    const answered = new Promise<DecodeAnswer>((resolve) => worker.once("message", resolve));
    const died = once(worker, "exit", over).then(() => {
      throw new DrawbridgeError("DB_UNEXPECTED", `the thread that decoded ${job.key} ended`);
    });
    worker.postMessage(job);
    const answer = await Promise.race([answered, died]);
    if ("decoded" in answer) return answer.decoded;
    const { code, message } = answer.fault;
    throw new DrawbridgeError(isCode(code) ? code : "DB_UNEXPECTED", message);
  } finally {
    over.abort();
  }
}

function isCode(code: string): code is Code {
  return code in codes;
}
