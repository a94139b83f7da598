import { asDrawbridgeError } from "../errors.ts";
import { attemptsOf, markUndone } from "../journal/attempts.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { readUndoNote } from "../journal/undo-notes.ts";
import type { Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import { stepContext } from "./step-context.ts";
import type { Step } from "./step.ts";
import { deadlineSignal, underSignal } from "./under-signal.ts";

/** How the undoing of a phase went. */
export interface UndoResult {
  /** Every step that was started in this try, undone or not, in the order of the plan. */
  readonly attempted: readonly string[];
  /** Steps whose effects stay. */
  readonly irreversible: readonly string[];
  /** Steps whose undo failed and has to be tried again. */
  readonly failed: readonly string[];
}

const triesEach = 3;

/**
 * Undoes what this try has done, in reverse order. Never gated, and not interrupted by `abort`, `hold` or a deadline of the
 * window: only the lease's loss and the process's end stop it. One undo that fails does not keep the others from running.
 */
export async function undoSteps<W extends RunnerWorld>(run: Run<W>): Promise<UndoResult> {
  const attempts = await attemptsOf(run.world.journal, run);
  const attempted = run.plan.steps.filter((step) => attempts.some((one) => one.step === step.name));
  const open = new Set(attempts.filter((one) => one.state !== "undone").map((one) => one.step));
  const irreversible = attempted.filter((step) => step.undo === "irreversible").map((step) => step.name);
  const failed: string[] = [];
  for (const step of attempted.toReversed()) {
    if (step.undo === "irreversible" || !open.has(step.name)) continue;
    run.lease.lost.throwIfAborted();
    run.shutdown.throwIfAborted();
    if (!(await undoStep(run, step))) failed.push(step.name);
  }
  return { attempted: attempted.map((step) => step.name), irreversible, failed };
}

/**
 * Undoes what earlier tries of a phase that starts clean have left, latest try first.
 * @returns the steps whose undo failed and has to be tried again.
 */
export async function undoEarlierTries<W extends RunnerWorld>(run: Run<W>): Promise<readonly string[]> {
  if (run.plan.startsClean !== true) return [];
  const failed: string[] = [];
  for (let earlier = run.try - 1; earlier >= 1; earlier -= 1) {
    failed.push(...(await undoSteps({ ...run, try: earlier })).failed);
  }
  return failed;
}

async function undoStep<W extends RunnerWorld>(run: Run<W>, step: Step<W>): Promise<boolean> {
  const { world } = run;
  if (step.undo === "irreversible") return true;
  const undo = step.undo;
  const place = { migrationId: run.migrationId, phase: run.phase, step: step.name, try: run.try };
  const memory = (await readUndoNote(world.journal, place)) ?? {};
  for (let tries = 1; ; tries += 1) {
    const deadline = deadlineSignal(step.deadlineMs, `undo of ${step.name}`);
    try {
      await run.lease.assert();
      const signal = AbortSignal.any([deadline.signal, run.lease.lost]);
      await underSignal(signal, () => undo(world, stepContext(run, step.name, { signal, memory })));
      await world.fault(`undone:${step.name}`);
      await fenced(world.journal, run.lease, async (tx) => {
        await markUndone(tx, run, [step.name]);
        await tell(tx, run, "step-undone", { step: step.name });
      });
      return true;
    } catch (thrown) {
      const error = asDrawbridgeError(thrown);
      run.lease.lost.throwIfAborted();
      if (error.code === "DB_LEASE_LOST") throw error;
      world.log.warn({ step: step.name, tries, error: error.message }, "an undo failed");
      if (tries < triesEach) {
        await world.clock.sleep(200 * 2 ** tries, run.lease.lost);
        continue;
      }
      await tell(world.journal, run, "undo-failed", { step: step.name, code: error.code, message: error.message });
      return false;
    } finally {
      deadline.clear();
    }
  }
}

async function tell<W extends RunnerWorld>(
  db: Parameters<typeof appendEvent>[0],
  run: Run<W>,
  kind: string,
  facts: Record<string, string>,
): Promise<void> {
  await appendEvent(db, {
    migrationId: run.migrationId,
    kind,
    actor: run.worker,
    facts: { phase: run.phase, ...facts },
  });
}
