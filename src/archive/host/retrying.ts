import type { Clock } from "../../clock.ts";

/** When work that failed is done again. */
export interface RetryOptions {
  /** Milliseconds until the next try, after `failures` failures in a row; `undefined`: it is given up. */
  readonly pauseMs: (fault: unknown, failures: number) => number | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does `work`, again and again after failures as long as there is a pause for them.
 * @throws the last failure; the signal's reason once it has aborted.
 */
export async function retrying<T>(work: () => Promise<T>, { pauseMs, clock, signal }: RetryOptions): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (fault) {
      signal?.throwIfAborted();
      const ms = pauseMs(fault, failures);
      if (ms === undefined) throw fault;
      await clock.sleep(ms, signal);
    }
  }
}
