import { setTimeout as delay } from "node:timers/promises";
import { DrawbridgeError } from "./errors.ts";

/** Time as the rest of Drawbridge sees it. Tests pass one that they can move. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal ? { signal } : {});
    } catch (cause) {
      signal?.throwIfAborted();
      throw cause;
    }
  },
};

/** How a {@link waitFor} behaves. All times in milliseconds. */
export interface WaitOptions {
  readonly clock?: Clock;
  /** Time between two looks; 100 ms unless told. */
  readonly everyMs?: number;
  /** When to give up. Every wait has one (law 6). */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What is awaited, for the error message: "the marker on the bridge". */
  readonly what: string;
}

/**
 * Looks until `probe` returns something other than `undefined` or `false`.
 * @throws DrawbridgeError `DB_WAIT_TIMEOUT` (Retryable) when the deadline passes; the signal's reason when aborted.
 */
export async function waitFor<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const clock = options.clock ?? systemClock;
  const end = clock.now().getTime() + options.deadlineMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (clock.now().getTime() >= end) {
      throw new DrawbridgeError("DB_WAIT_TIMEOUT", `waited ${options.deadlineMs} ms for ${options.what}`);
    }
    await clock.sleep(options.everyMs ?? 100, options.signal);
  }
}
