import type { Phase } from "../src/journal/phase.ts";
import type { Advanced } from "../src/migration/journal-outcome.ts";
import { phasePlan } from "../src/migration/plan.ts";
import { advance } from "../src/migration/run-phase.ts";
import type { World } from "../src/migration/world.ts";

/** What a processor is given: the world, who works, and when to stop. */
export interface JobContext {
  readonly world: World;
  readonly worker: string;
  readonly signal: AbortSignal;
}

/** A phase's processor. A job says only that there may be something to do; `advance` looks what. */
export type Processor = (context: JobContext, migrationId: string) => Promise<Advanced>;

/** The processor that every phase has. */
export function processorOf(phase: Phase): Processor {
  return ({ world, worker, signal }, migrationId) =>
    advance(world, migrationId, phase, { plan: phasePlan, worker, shutdown: signal });
}
