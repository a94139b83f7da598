import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "./connect.ts";
import { subscriptionStatus } from "./subscriptions.ts";

/** Failures since the watch began from which on a fault no longer looks like one that passes (a lock, a restart). */
const tooMany = 3;

/** Statistics are asked for no more often than this. */
const everyMs = 2_000;

/**
 * Watches a subscription for the kind of fault that never ends by itself: a conflict, a column or table that is missing.
 * PostgreSQL tries such a change again for ever and tells only its own log, so that whoever waits for a marker would wait
 * in silence. Call the result beside that wait.
 * @returns a look that throws DrawbridgeError `DB_REPLICATION_BROKEN` once the subscription has failed three times since.
 */
export async function watchApply(subscriber: Queryable, name: string): Promise<() => Promise<void>> {
  const before = (await subscriptionStatus(subscriber, name))?.errors ?? 0;
  let nextMs = 0;
  return async () => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + everyMs;
    const failed = ((await subscriptionStatus(subscriber, name))?.errors ?? 0) - before;
    if (failed < tooMany) return;
    throw new DrawbridgeError(
      "DB_REPLICATION_BROKEN",
      `subscription ${name} failed ${failed} times while it was watched; the subscriber's log names table and row`,
    );
  };
}
