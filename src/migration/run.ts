import { type DrawbridgeError, explain } from "../errors.ts";
import type { ErrorFacts } from "../journal/phase-runs.ts";
import { currentWindow, type WindowRun } from "../journal/windows.ts";
import type { HeldRegistry } from "./held.ts";
import type { Lease } from "./lease.ts";
import type { PhasePlan } from "./phase-plan.ts";
import type { RunnerWorld } from "./runner-world.ts";

/** One worker running one try of one phase under one lease. */
export interface Run<W extends RunnerWorld> {
  readonly world: W;
  readonly plan: PhasePlan<W>;
  readonly lease: Lease;
  readonly held: HeldRegistry;
  /** Who writes the attempts: host and process. */
  readonly worker: string;
  readonly migrationId: string;
  readonly phase: PhasePlan<W>["phase"];
  readonly try: number;
  /** The open window of this phase, as last read. */
  window: WindowRun | undefined;
  /** Aborts when the process should end. */
  readonly shutdown: AbortSignal;
}

/** Whether the run is beyond its window's point of no return: from there nothing is undone, and nothing held counts. */
export function isPast(run: { readonly window: WindowRun | undefined }): boolean {
  return run.window?.noReturnAt !== undefined;
}

/** Reads the window again; the one that is asking does not count. */
export async function refreshWindow<W extends RunnerWorld>(run: Run<W>): Promise<void> {
  const now = await currentWindow(run.world.journal, run.migrationId);
  run.window = now?.state === "open" && now.try === run.try ? now : undefined;
}

/** An error as the journal keeps it: redacted, with its causes. */
export function errorFacts(error: DrawbridgeError, step?: string): ErrorFacts {
  const facts = { code: error.code, message: explain(error), outcome: error.outcome };
  return step === undefined ? facts : { ...facts, step };
}
