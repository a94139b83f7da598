import { appendEvent } from "../journal/events.ts";
import { type Fencing, fenced } from "../journal/fenced.ts";
import { getMigration, setPhase, setState } from "../journal/migrations.ts";
import type { Journal } from "../journal/open.ts";
import { intend } from "../journal/outbox.ts";
import { ensurePhase, getPhaseRun, markPhase, type PhaseRun, phaseRuns } from "../journal/phase-runs.ts";
import { type Phase, phases } from "../journal/phase.ts";
import { endWindow } from "../journal/windows.ts";
import type { Queryable } from "../postgres/connect.ts";
import type { Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import { tellPhase, touchWindow } from "./tell-people.ts";

/** The earliest phase that is not done, `undefined` when all are. Pure. */
export function earliestOpen(runs: readonly PhaseRun[]): Phase | undefined {
  return phases.find((phase) => runs.find((run) => run.phase === phase)?.state !== "done");
}

/** Where a migration goes after a phase: on to `next`, to its end, or nowhere yet, because it is a draft. */
export interface MovedOn {
  readonly next: Phase | undefined;
  readonly completed: boolean;
}

/** Every step succeeded: the phase is done, its window closed, and the next phase waits. */
export async function completePhase<W extends RunnerWorld>(run: Run<W>): Promise<MovedOn> {
  return fenced(run.world.journal, run.lease, async (tx) => {
    const before = await getPhaseRun(tx, run.migrationId, run.phase);
    await markPhase(tx, run, { state: "done", failures: 0 });
    if (run.window) await endWindow(tx, run.window.id, "closed", "done");
    const after = await getPhaseRun(tx, run.migrationId, run.phase);
    const ms = (after?.endedAt?.getTime() ?? 0) - (before?.startedAt?.getTime() ?? after?.endedAt?.getTime() ?? 0);
    await touchWindow(tx, run, "closed");
    await tellPhase(tx, run, ms);
    const facts = { phase: run.phase, try: run.try, ms };
    await appendEvent(tx, { migrationId: run.migrationId, kind: "phase-done", actor: run.worker, facts });
    return moveOnIn(tx, run.migrationId, run.worker);
  });
}

/** A phase was done while the migration was a draft; now it is active and goes on. */
export async function moveOn(journal: Journal, fencing: Fencing, actor: string): Promise<MovedOn> {
  return fenced(journal, fencing, (tx) => moveOnIn(tx, fencing.migrationId, actor));
}

async function moveOnIn(tx: Queryable, migrationId: string, actor: string): Promise<MovedOn> {
  const migration = await getMigration(tx, migrationId);
  if (migration?.state !== "active") return { next: undefined, completed: false };
  const next = earliestOpen(await phaseRuns(tx, migrationId));
  if (next === undefined) {
    await setState(tx, migrationId, "completed");
    await intend(tx, { kind: "done", migrationId, key: "done", audience: "main", priority: 2 });
    await appendEvent(tx, { migrationId, kind: "migration-completed", actor });
    return { next: undefined, completed: true };
  }
  await ensurePhase(tx, migrationId, next);
  await setPhase(tx, migrationId, next);
  return { next, completed: false };
}
