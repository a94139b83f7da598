import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { getMigration, type Migration } from "../journal/migrations.ts";
import { getPhaseRun, markPhase, markRunning, type PhaseRun, phaseRuns } from "../journal/phase-runs.ts";
import { type Phase, phases, windowOf } from "../journal/phase.ts";
import { isApprovedConfiguration } from "./approved-configuration.ts";
import { heldRegistry } from "./held.ts";
import { type Advanced, hold, journalOutcome } from "./journal-outcome.ts";
import { type Lease, takeLease } from "./lease.ts";
import { completePhase, type MovedOn, moveOn } from "./next-phase.ts";
import type { PhasePlan } from "./phase-plan.ts";
import { abandon, putBack, puttingBackFor } from "./put-back.ts";
import { retryDecision } from "./retry.ts";
import { runStep } from "./run-step.ts";
import { errorFacts, isPast, refreshWindow, type Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import { touchWindow } from "./tell-people.ts";
import { undoEarlierTries } from "./undo.ts";
import { startWatch, type Watch } from "./watch.ts";

/** What `advance` needs beside the world. */
export interface AdvanceDeps<W> {
  readonly plan: (phase: Phase) => PhasePlan<W>;
  /** Who this is, for the journal: host and process. */
  readonly worker: string;
  /** Aborts when the process should end; the phase goes on in the next worker. */
  readonly shutdown: AbortSignal;
}

/**
 * Does what is due in one phase of a migration: the only way in which anything runs. Whoever is rung calls it; without the
 * lease, or with nothing due, it returns at once.
 * @throws DrawbridgeError `DB_CONNECTION` when the journal is away; the sweep rings again.
 */
export async function advance<W extends RunnerWorld>(
  world: W,
  migrationId: string,
  phase: Phase,
  deps: AdvanceDeps<W>,
): Promise<Advanced> {
  if (!(await getMigration(world.journal, migrationId))) return { kind: "idle" };
  await using lease = await takeLease(world.journal, migrationId);
  if (!lease) return { kind: "busy" };
  try {
    return await advanceUnder(lease, world, phase, deps);
  } catch (thrown) {
    if (lease.lost.aborted || asDrawbridgeError(thrown).code === "DB_LEASE_LOST") return { kind: "lease-lost" };
    if (deps.shutdown.aborted) return { kind: "stopped" };
    throw thrown;
  }
}

async function advanceUnder<W extends RunnerWorld>(
  lease: Lease,
  world: W,
  phase: Phase,
  deps: AdvanceDeps<W>,
): Promise<Advanced> {
  const { migrationId } = lease;
  const migration = await getMigration(world.journal, migrationId);
  const state = await getPhaseRun(world.journal, migrationId, phase);
  if (!migration || !state || !(await mayRun(world, migration, phase))) return { kind: "idle" };
  if (state.state === "done" && migration.intent !== "abort")
    return movedOn(await moveOn(world.journal, lease, deps.worker));
  await using held = heldRegistry();
  const run: Run<W> = {
    world,
    lease,
    held,
    phase,
    migrationId,
    plan: deps.plan(phase),
    worker: deps.worker,
    try: state.try,
    window: undefined,
    shutdown: deps.shutdown,
  };
  await refreshWindow(run);
  if (!(await isApprovedConfiguration(run))) return { kind: "idle" };
  const puttingBack = puttingBackFor(run);
  if (!isDue(migration, state, run)) return { kind: "idle" };
  return (puttingBack && (await takeBack(run, puttingBack))) ?? (await drive(run, state));
}

/** Only the earliest phase that is not done, of an active migration; a draft runs its preflight. */
async function mayRun(world: RunnerWorld, migration: Migration, phase: Phase): Promise<boolean> {
  const live = migration.state === "active" || (migration.state === "draft" && phase === "preflight");
  if (!live || migration.phase !== phase) return false;
  const done = new Set(
    (await phaseRuns(world.journal, migration.id)).filter((run) => run.state === "done").map((run) => run.phase),
  );
  return phases.slice(0, phases.indexOf(phase)).every((earlier) => done.has(earlier));
}

function isDue<W extends RunnerWorld>(migration: Migration, state: PhaseRun, run: Run<W>): boolean {
  if (state.state === "retrying" && state.dueAt && state.dueAt > run.world.clock.now())
    return migration.intent === "abort";
  if (migration.intent === "abort") return true;
  if (run.window !== undefined) return true;
  // people are asked first; meanwhile there is no job at all
  if (windowOf(run.phase) !== undefined) return false;
  return state.state !== "paused" && state.state !== "failed";
}

async function drive<W extends RunnerWorld>(run: Run<W>, state: PhaseRun): Promise<Advanced> {
  if (!(await markStarted(run))) return { kind: "idle" };
  for (let failures = state.failures; ;) {
    await using watch = await startWatch(run);
    const before = await succeeded(run);
    const error = await runSteps(run, watch);
    if (error === undefined) return movedOn(await completePhase(run));
    run.lease.lost.throwIfAborted();
    if (error.code === "DB_LEASE_LOST") throw error;
    if (run.shutdown.aborted) return { kind: "stopped" };
    failures = (await succeeded(run)) > before ? 1 : failures + 1;
    const handled = await handle(run, watch, error, failures);
    if (handled) return handled;
  }
}

/** Failures are counted from the last step that succeeded. */
async function succeeded<W extends RunnerWorld>(run: Run<W>): Promise<number> {
  const [row] = await run.world.journal.query<{ count: number }>(
    `select count(*)::integer as count from journal.step_attempt
     where migration_id = $1 and phase = $2 and try = $3 and state in ('succeeded', 'invalid')`,
    [run.migrationId, run.phase, run.try],
  );
  return row?.count ?? 0;
}

async function runSteps<W extends RunnerWorld>(run: Run<W>, watch: Watch): Promise<DrawbridgeError | undefined> {
  try {
    await refreshWindow(run);
    await startClean(run);
    const stop = AbortSignal.any([watch.signal, run.shutdown]);
    for (const step of run.plan.steps) {
      await watch.check();
      await runStep(run, step, stop);
      if (run.window) await touchWindow(run.world.journal, run, step.name);
    }
    return undefined;
  } catch (thrown) {
    return asDrawbridgeError(thrown);
  } finally {
    await refreshWindow(run);
  }
}

async function startClean<W extends RunnerWorld>(run: Run<W>): Promise<void> {
  const failed = await undoEarlierTries(run);
  if (failed.length === 0) return;
  const what = `${failed.join(", ")} of an earlier try of ${run.phase} could not be undone; the thread and the log say why`;
  throw new DrawbridgeError("DB_UNEXPECTED", what);
}

/** What happens after an error; `undefined`: try again at once. */
async function handle<W extends RunnerWorld>(
  run: Run<W>,
  watch: Watch,
  error: DrawbridgeError,
  failures: number,
): Promise<Advanced | undefined> {
  const stopped = watch.stopped();
  const place = run.window === undefined ? "plain" : isPast(run) ? "past-no-return" : "window";
  if (place === "plain" && stopped === "hold") return hold(run);
  if (stopped !== undefined && place !== "past-no-return") return takeBack(run, error);
  const decision = retryDecision(error, failures, place);
  if (place === "plain") return journalOutcome(run, error, failures, decision);
  if (decision.kind !== "retry") return takeBack(run, error);
  // inside a window seconds count: the wait is here, and in the journal for whoever takes over
  await fenced(run.world.journal, run.lease, async (tx) => {
    await markPhase(tx, run, { state: "retrying", failures, dueInMs: decision.afterMs, error: errorFacts(error) });
    await touchWindow(tx, run, `retry-${failures}`);
  });
  const stop = AbortSignal.any([run.lease.lost, run.shutdown, ...(place === "window" ? [watch.signal] : [])]);
  await run.world.clock.sleep(decision.afterMs, stop).catch(() => undefined);
  return run.shutdown.aborted ? { kind: "stopped" } : undefined;
}

async function takeBack<W extends RunnerWorld>(run: Run<W>, cause: DrawbridgeError): Promise<Advanced | undefined> {
  const ended = run.window ? await putBack(run, cause) : await abandon(run, cause);
  switch (ended) {
    case "put-back": {
      const now = await getMigration(run.world.journal, run.migrationId);
      return now && now.phase !== run.phase ? { kind: "put-back", next: now.phase } : { kind: "put-back" };
    }
    case "aborted":
      return { kind: "aborted" };
    case "again":
      return { kind: "retrying" };
    case "past-no-return":
      return undefined;
  }
}

/** Writes `running`; false when there is nothing to start after all. */
async function markStarted<W extends RunnerWorld>(run: Run<W>): Promise<boolean> {
  const state = await getPhaseRun(run.world.journal, run.migrationId, run.phase);
  if (state?.try !== run.try) return false;
  await fenced(run.world.journal, run.lease, async (tx) => {
    await markRunning(tx, run.migrationId, run.phase);
    if (state.startedAt) return;
    const facts = { phase: run.phase, try: run.try };
    await appendEvent(tx, { migrationId: run.migrationId, kind: "phase-started", actor: run.worker, facts });
  });
  return true;
}

function movedOn({ next, completed }: MovedOn): Advanced {
  if (completed) return { kind: "completed" };
  return next === undefined ? { kind: "done" } : { kind: "done", next };
}
