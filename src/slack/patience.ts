import type { Clock } from "../clock.ts";
import { slackFault } from "./client.ts";

/** Asks Slack something; see {@link patience}. */
export type Ask = <T>(call: () => Promise<T>) => Promise<T>;

/** Asks once; whoever asks looks again another time. */
export const once: Ask = (call) => call();

/** The pause after a call that failed for another reason than a limit. */
const againMs = 500;

/**
 * Asks until Slack answers or `endMs` (of `clock`, in milliseconds) would pass: after a limit when its time is over, after any
 * other failure that may pass soon. What others have read meanwhile is not asked again.
 * The call throws Slack's last error when there is no time left, a refusal at once, and the signal's reason when it aborts.
 */
export function patience(clock: Clock, endMs: number, signal: AbortSignal): Ask {
  return async (call) => {
    for (;;) {
      try {
        return await call();
      } catch (thrown) {
        const fault = slackFault(thrown);
        const waitMs = fault.kind === "limited" ? fault.afterMs : againMs;
        if (fault.kind === "refused" || clock.now().getTime() + waitMs >= endMs) throw thrown;
        await clock.sleep(waitMs, signal);
      }
    }
  };
}
