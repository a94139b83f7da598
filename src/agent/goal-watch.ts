import { systemClock } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import type { AgentDeps } from "./context.ts";

/** How often the agent looks and tells, in milliseconds. */
export const tickMs = 2_000;

/** The pause between two looks. */
export interface Rest extends Disposable {
  /** Ends after a tick, when the goal may have changed, or when the agent has to stop. */
  rest(ms?: number): Promise<void>;
}

/** Makes the pause that the journal's notices cut short. */
export function watchGoal(deps: AgentDeps): Rest {
  let wake = new AbortController();
  const stop = deps.journal.onGoalChange(() => wake.abort());
  return {
    rest: async (ms = tickMs) => {
      await deps.clock.sleep(ms, AbortSignal.any([deps.signal, wake.signal])).catch(() => undefined);
      wake = new AbortController();
    },
    [Symbol.dispose]: stop,
  };
}

/**
 * Runs work that takes long, and stops it when the goal is another one meanwhile. `onTick` is called every two seconds.
 * @throws DrawbridgeError `DB_ABORTED` when the goal changed; what `work` throws.
 */
export async function whileGoalStands<T>(
  deps: AgentDeps,
  goal: AgentGoal,
  work: (signal: AbortSignal) => Promise<T>,
  onTick: () => Promise<void>,
): Promise<T> {
  const stop = new AbortController();
  const done = new AbortController();
  const look = async (): Promise<void> => {
    while (!done.signal.aborted && !stop.signal.aborted) {
      await onTick();
      // the journal being away is no reason to throw a restore away
      const now = await deps.journal.readGoal().catch(() => goal);
      if (now !== undefined && now.epoch !== goal.epoch) {
        stop.abort(new DrawbridgeError("DB_ABORTED", "the goal has changed"));
      }
      await systemClock.sleep(tickMs, done.signal).catch(() => undefined);
    }
  };
  const looking = look();
  try {
    return await work(AbortSignal.any([deps.signal, stop.signal]));
  } finally {
    done.abort();
    await looking;
  }
}
