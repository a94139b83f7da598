import { DrawbridgeError } from "../errors.ts";
import { lastOutput } from "../journal/attempts.ts";
import type { JsonObject } from "../journal/json.ts";
import { addSample } from "../journal/samples.ts";
import type { WindowRun } from "../journal/windows.ts";
import type { Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import type { OpenWindow, StepContext } from "./step.ts";

/** What one step gets to see of its run. */
export function stepContext<W extends RunnerWorld>(
  run: Run<W>,
  step: string,
  given: { readonly signal: AbortSignal; readonly memory: JsonObject },
): StepContext {
  const { journal } = run.world;
  return {
    signal: given.signal,
    memory: given.memory,
    window: run.window && openWindow(run.window),
    epoch: run.lease.epoch,
    output: async (name) => {
      const output = await lastOutput(journal, run, name);
      if (output) return output;
      throw new DrawbridgeError(
        "DB_JOURNAL_CONFLICT",
        `${run.phase}/${step} needs the output of ${name}, which has none`,
      );
    },
    assertLease: async () => {
      given.signal.throwIfAborted();
      await run.lease.assert();
    },
    hold: (name, resource) => run.held.hold(step, name, resource),
    held: (name) => run.held.get(name),
    progress: (facts) => addSample(journal, run.migrationId, "progress", { ...facts, phase: run.phase, step }),
  };
}

function openWindow(window: WindowRun): OpenWindow {
  // a window without a deadline of its own ends with its last step
  return { id: window.id, name: window.name, deadlineAt: window.deadlineAt ?? new Date(8.64e15) };
}
