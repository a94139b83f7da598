import type { DrawbridgeError } from "../errors.ts";

/** What happens after an error. Times in milliseconds. */
export type RetryDecision =
  | { readonly kind: "retry"; readonly afterMs: number }
  | { readonly kind: "pause" }
  | { readonly kind: "fail" }
  /** We were told to stop; nothing has failed. */
  | { readonly kind: "stopped" };

/** Where the error happened: in plain work, in a window that can be put back, or beyond its point of no return. */
export type RetryPlace = "plain" | "window" | "past-no-return";

const rules = {
  plain: { firstMs: 2_000, mostMs: 120_000, tries: 10 },
  // writes are stopped: a few quick tries, then back
  window: { firstMs: 250, mostMs: 3_000, tries: 4 },
  // there is only forward
  "past-no-return": { firstMs: 500, mostMs: 15_000, tries: Number.POSITIVE_INFINITY },
} as const satisfies Record<RetryPlace, { firstMs: number; mostMs: number; tries: number }>;

/** Decides, purely, what happens after an error. `failures`: how many there were in a row, this one included. */
export function retryDecision(
  error: Pick<DrawbridgeError, "outcome" | "retryAfterMs">,
  failures: number,
  place: RetryPlace = "plain",
): RetryDecision {
  // beyond the point of no return nobody can have told us to stop: an abort from within a library is a fault like others
  if (error.outcome === "aborted" && place !== "past-no-return") return { kind: "stopped" };
  const { firstMs, mostMs, tries } = rules[place];
  const backoffMs = Math.min(mostMs, firstMs * 2 ** Math.min(20, Math.max(0, failures - 1)));
  const afterMs = error.retryAfterMs === undefined ? backoffMs : Math.min(error.retryAfterMs, mostMs);
  if (place === "past-no-return") return { kind: "retry", afterMs };
  if (error.outcome === "paused") return { kind: "pause" };
  if (error.outcome === "terminal" || failures >= tries) return { kind: "fail" };
  return { kind: "retry", afterMs };
}
