import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";
import { consumedFor } from "../journal/approvals-rows.ts";
import {
  attemptsOf,
  finishAttempt,
  invalidate,
  type Place,
  recordedSuccess,
  startAttempt,
} from "../journal/attempts.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import type { JsonObject } from "../journal/json.ts";
import { clearFailures } from "../journal/phase-runs.ts";
import { readUndoNote, writeUndoNote } from "../journal/undo-notes.ts";
import { passNoReturn, windowStops } from "../journal/windows.ts";
import type { Queryable } from "../postgres/connect.ts";
import { errorFacts, isPast, refreshWindow, type Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import { stepContext } from "./step-context.ts";
import type { Step, StepContext } from "./step.ts";
import { deadlineSignal, underSignal } from "./under-signal.ts";

/**
 * Runs one step as law 2 says: a recorded success is enough; else what undo needs is remembered and `started` is written
 * under the lease's epoch, then the world is observed, and only then is anything done.
 * @throws DrawbridgeError what the step threw, what its signal aborted with, or `DB_LEASE_LOST`.
 */
export async function runStep<W extends RunnerWorld>(run: Run<W>, step: Step<W>, stop: AbortSignal): Promise<void> {
  const place: Place = { migrationId: run.migrationId, phase: run.phase, step: step.name, try: run.try };
  if (await counts(run, step, place)) return;
  await demandGate(run, step);
  const deadline = deadlineSignal(step.deadlineMs, `${run.phase}/${step.name}`);
  try {
    const heldLost = isPast(run) ? [] : run.held.lost();
    const signal = AbortSignal.any([stop, run.lease.lost, deadline.signal, ...heldLost]);
    await attempt(run, step, place, signal);
  } finally {
    deadline.clear();
  }
}

/** Whether a recorded success makes running unnecessary. One whose held resource is gone does not, nor does what rests on it. */
async function counts<W extends RunnerWorld>(run: Run<W>, step: Step<W>, place: Place): Promise<boolean> {
  const success = await recordedSuccess(run.world.journal, place);
  if (!success) return false;
  if (step.held !== true || isPast(run)) return true;
  if (success.epoch === run.lease.epoch && run.held.owns(step.name)) return true;
  await invalidateFrom(run, step);
  return false;
}

async function invalidateFrom<W extends RunnerWorld>(run: Run<W>, step: Step<W>): Promise<void> {
  const rest = run.plan.steps.slice(run.plan.steps.indexOf(step));
  const attempted = new Set(
    (await attemptsOf(run.world.journal, run)).filter((one) => one.state !== "undone").map((one) => one.step),
  );
  const cannotRepeat = rest.find((later) => later.once === true && attempted.has(later.name));
  if (cannotRepeat) {
    throw new DrawbridgeError(
      "DB_FENCE_LOST",
      `what ${step.name} held is gone, and ${cannotRepeat.name} was begun on it: it cannot be done twice`,
      { outcome: "terminal" },
    );
  }
  const names = rest.map((later) => later.name);
  await fenced(run.world.journal, run.lease, async (tx) => {
    await invalidate(tx, run, names);
    await appendEvent(tx, {
      migrationId: run.migrationId,
      kind: "steps-invalidated",
      actor: run.worker,
      facts: { phase: run.phase, from: step.name, steps: names },
    });
  });
  await run.held.release(names);
}

/** A gated step runs only on the approval that its own window consumed (law 4). */
async function demandGate<W extends RunnerWorld>(run: Run<W>, step: Step<W>): Promise<void> {
  if (step.gate === undefined) return;
  const at = run.window && { windowId: run.window.id, gate: step.gate, step: step.name };
  if (at && (await consumedFor(run.world.journal, at)) !== undefined) return;
  throw new DrawbridgeError(
    "DB_GATE_CLOSED",
    `${step.name} has no approval of gate ${step.gate} that this window consumed`,
  );
}

async function attempt<W extends RunnerWorld>(
  run: Run<W>,
  step: Step<W>,
  place: Place,
  signal: AbortSignal,
): Promise<void> {
  const { world, lease } = run;
  signal.throwIfAborted();
  const noted = await readUndoNote(world.journal, place);
  const note = noted ?? (await underSignal(signal, async () => (await step.remember?.(world)) ?? {}));
  const context = stepContext(run, step.name, { signal, memory: note });
  await underSignal(signal, async () => step.validate?.(world, context));
  const id = await fenced(world.journal, lease, async (tx) => {
    await demandUnstopped(run, tx);
    if (noted === undefined) await writeUndoNote(tx, place, note);
    const started = await startAttempt(tx, place, lease, run.worker);
    await tell(tx, run, step.name, "step-started", {});
    return started;
  });
  let output: JsonObject;
  try {
    await world.fault(`started:${step.name}`);
    output = await underSignal(signal, () => effect(run, step, context));
  } catch (thrown) {
    const error = asDrawbridgeError(thrown);
    if (!lease.lost.aborted) await recordFailure(run, step, id, error);
    throw error;
  }
  await world.fault(`ran:${step.name}`);
  await recordSuccess(run, step, id, output);
  await world.fault(`recorded:${step.name}`);
}

/**
 * Looks once more, in the transaction that claims the step, whether somebody has stopped the window: what the watch noticed
 * is a moment old, and validating takes time.
 */
async function demandUnstopped<W extends RunnerWorld>(run: Run<W>, tx: Queryable): Promise<void> {
  if (run.window === undefined || isPast(run)) return;
  const { stoppedBy } = await windowStops(tx, run.window.id);
  if (stoppedBy === undefined) return;
  throw new DrawbridgeError("DB_VETOED", `${stoppedBy.person} ${stoppedBy.how} before the point of no return`);
}

async function effect<W extends RunnerWorld>(run: Run<W>, step: Step<W>, context: StepContext): Promise<JsonObject> {
  // written by an attempt that died before it could record its success
  if (step.noReturn === true && run.window?.noReturnAt) return { at: run.window.noReturnAt.toISOString() };
  // what a held step needs cannot be observed in the world: it is a session of this process
  const seen = step.held === true ? undefined : await step.observe(run.world, context);
  const output = seen ?? (await step.run(run.world, context));
  if (step.held === true && !run.held.owns(step.name)) {
    throw new DrawbridgeError("DB_FENCE_LOST", `${step.name} holds nothing any more`);
  }
  return output;
}

async function recordSuccess<W extends RunnerWorld>(
  run: Run<W>,
  step: Step<W>,
  id: bigint,
  output: JsonObject,
): Promise<void> {
  await fenced(run.world.journal, run.lease, async (tx) => {
    if (step.noReturn === true) await demandNoReturn(run, tx);
    const ms = await finishAttempt(tx, id, { output });
    await clearFailures(tx, run.migrationId, run.phase);
    await tell(tx, run, step.name, "step-succeeded", { ms });
  });
  if (step.noReturn === true) await refreshWindow(run);
}

async function demandNoReturn<W extends RunnerWorld>(
  run: Run<W>,
  tx: Parameters<typeof passNoReturn>[0],
): Promise<void> {
  if (run.window && (await passNoReturn(tx, run.window.id, run.lease.epoch))) return;
  throw new DrawbridgeError(
    "DB_WINDOW_DEADLINE",
    "the window was stopped, or its deadline passed, before the point of no return",
  );
}

async function recordFailure<W extends RunnerWorld>(
  run: Run<W>,
  step: Step<W>,
  id: bigint,
  error: DrawbridgeError,
): Promise<void> {
  await fenced(run.world.journal, run.lease, async (tx) => {
    const ms = await finishAttempt(tx, id, { error: errorFacts(error, step.name) });
    await tell(tx, run, step.name, "step-failed", { ms, code: error.code, message: error.message });
  });
}

async function tell<W extends RunnerWorld>(
  tx: Parameters<typeof appendEvent>[0],
  run: Run<W>,
  step: string,
  kind: string,
  facts: JsonObject,
): Promise<void> {
  const where = { phase: run.phase, step, try: run.try };
  await appendEvent(tx, { migrationId: run.migrationId, kind, actor: run.worker, facts: { ...where, ...facts } });
}
