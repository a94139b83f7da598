import type { DrawbridgeError } from "../errors.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { markPhase, pauseIfHeld } from "../journal/phase-runs.ts";
import type { Phase } from "../journal/phase.ts";
import type { RetryDecision } from "./retry.ts";
import { errorFacts, type Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import { tellFailure } from "./tell-people.ts";

/** How far it came. `next`: the phase that may run now. */
export interface Advanced {
  readonly kind:
    | "busy"
    | "idle"
    | "done"
    | "completed"
    | "retrying"
    | "paused"
    | "failed"
    | "put-back"
    | "aborted"
    | "stopped"
    | "lease-lost";
  readonly next?: Phase;
}

/** People held the migration outside a window. */
export async function hold<W extends RunnerWorld>(run: Run<W>): Promise<Advanced> {
  await fenced(run.world.journal, run.lease, async (tx) => {
    await pauseIfHeld(tx, run.migrationId, run.phase);
    const facts = { phase: run.phase };
    await appendEvent(tx, { migrationId: run.migrationId, kind: "phase-held", actor: run.worker, facts });
  });
  return { kind: "paused" };
}

/** Writes down what an error outside a window leads to. */
export async function journalOutcome<W extends RunnerWorld>(
  run: Run<W>,
  error: DrawbridgeError,
  failures: number,
  decision: RetryDecision,
): Promise<Advanced> {
  if (decision.kind === "stopped") return { kind: "stopped" };
  const facts = errorFacts(error);
  await fenced(run.world.journal, run.lease, async (tx) => {
    if (decision.kind === "retry") {
      await markPhase(tx, run, { state: "retrying", failures, dueInMs: decision.afterMs, error: facts });
      return;
    }
    const state = decision.kind === "pause" ? "paused" : "failed";
    await markPhase(tx, run, { state, failures, error: facts });
    const event = { phase: run.phase, ...facts };
    await appendEvent(tx, { migrationId: run.migrationId, kind: `phase-${state}`, actor: run.worker, facts: event });
    await tellFailure(tx, run, error, {
      title: `${run.phase} ${state === "paused" ? "waits for a person" : "failed"}`,
      did: "stopped here; what was done so far stays, and is not done again",
      safe: "nothing lost",
    });
  });
  return { kind: decision.kind === "retry" ? "retrying" : decision.kind === "pause" ? "paused" : "failed" };
}
