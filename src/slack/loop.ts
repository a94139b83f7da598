import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** Work that is done again and again, and at once when something happened. */
export interface Loop {
  /** Something may have changed: look now. */
  readonly wake: () => void;
  /** Ends after the present round. */
  stop(): Promise<void>;
}

/** Starts a loop. A round that fails is logged and tried again after `everyMs`; it never ends the loop. */
export function startLoop(
  name: string,
  round: (signal: AbortSignal) => Promise<void>,
  options: { readonly everyMs: number; readonly clock: Clock; readonly log: Log },
): Loop {
  const stop = new AbortController();
  let nap = new AbortController();
  let woken = true;
  const running = (async () => {
    while (!stop.signal.aborted) {
      woken = false;
      try {
        await round(stop.signal);
      } catch (error) {
        if (!stop.signal.aborted)
          options.log.warn({ loop: name, error: String(error) }, "a round failed and is tried again");
        woken = false;
      }
      if (woken || stop.signal.aborted) continue;
      nap = new AbortController();
      await options.clock.sleep(options.everyMs, AbortSignal.any([nap.signal, stop.signal])).catch(() => undefined);
    }
  })();
  return {
    wake: () => {
      woken = true;
      nap.abort();
    },
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}
