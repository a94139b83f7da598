import { DrawbridgeError, explain } from "../../errors.ts";
import { fenced } from "../../journal/fenced.ts";
import { setIntent } from "../../journal/migrations.ts";
import { getPhaseRun } from "../../journal/phase-runs.ts";
import { windowFacts } from "../../journal/phase.ts";
import { beginPutBack } from "../../journal/windows.ts";
import { isApprovedConfiguration } from "../approved-configuration.ts";
import { heldRegistry } from "../held.ts";
import { type Lease, takeLease } from "../lease.ts";
import { phasePlan } from "../plan.ts";
import { abandon, putBack } from "../put-back.ts";
import { refreshWindow, type Run } from "../run.ts";
import type { World } from "../world.ts";
import { type GlassVerb, glassRefusal, leaseHolder, type Outlook, primaryWords, readOutlook } from "./outlook.ts";
import { liftAtPrimary, reopenApp } from "./reopen.ts";
import { tellBroken, tellEnded } from "./tell.ts";

/** Who breaks the glass, and for what. */
export interface GlassRequest {
  readonly verb: GlassVerb;
  readonly reason: string;
  /** `root@bastion` */
  readonly by: string;
  /** How long a worker that lives is waited for, in milliseconds. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** What was done, a sentence each, and what was not. */
export interface GlassOutcome {
  readonly did: readonly string[];
  /** Empty: all of it was done. */
  readonly failed: readonly string[];
}

/**
 * Holds, aborts, un-fences or returns writes from the host's own terminal, with nothing but the journal, Heroku and the
 * databases: no Slack, no Redis, no bot. Whatever it does to the outside it does under the migration's lease, so that no
 * worker acts beside it; one that lives is told by the intent, and waited for. Only ever towards the current primary.
 * @throws DrawbridgeError `DB_BAD_INPUT` before anything is done, when the verb cannot be used now.
 */
export async function breakGlass(world: World, request: GlassRequest): Promise<GlassOutcome> {
  const { db } = world.journal;
  const outlook = await readOutlook(world.journal, world.migrationId);
  if (outlook === undefined)
    throw new DrawbridgeError("DB_BAD_INPUT", `the journal has no migration ${world.migrationId}`);
  const refusal = glassRefusal(request.verb, outlook, world.clock.now());
  if (refusal !== undefined) throw new DrawbridgeError("DB_BAD_INPUT", refusal);
  const id = await db.transaction(async (tx) => {
    await setIntent(tx, world.migrationId, request.verb === "abort" ? "abort" : "hold", request.by);
    return tellBroken(tx, world.migrationId, request);
  });
  const outcome = await act(world, request, outlook).catch((thrown: unknown) => ({
    did: [],
    failed: [explain(thrown)],
  }));
  await tellEnded(db, world.migrationId, request, { id, ...outcome });
  return outcome;
}

async function act(world: World, request: GlassRequest, before: Outlook): Promise<GlassOutcome> {
  await using lease = await awaitLease(world, request);
  if (request.verb === "hold") {
    return lease === undefined
      ? {
          did: ["the migration is on hold"],
          failed: [
            `the worker had not stopped after ${request.waitMs / 1000} s; it stops, or goes on forward, by itself`,
          ],
        }
      : { did: ["the migration is on hold; no worker runs it"], failed: [] };
  }
  if (lease === undefined) {
    const who = (await leaseHolder(world.journal, world.migrationId)) ?? "a worker";
    const what = `after ${request.waitMs / 1000} s ${who} still holds the lease and is at work: nothing was touched beside it. End that process, then type the same again`;
    return { did: [], failed: [what] };
  }
  const now = await readOutlook(world.journal, world.migrationId);
  if (now === undefined) return { did: [], failed: ["the migration is gone from the journal"] };
  const byWorker =
    before.window !== undefined && now.window === undefined ? [`the worker ended ${before.window.name}`] : [];
  const outcome = await underLease(world, request, lease, now);
  return { ...outcome, did: [...byWorker, ...outcome.did] };
}

/** Tries for the lease until a worker lets go of it. Its epoch shuts out a worker that is merely asleep. */
async function awaitLease(world: World, { waitMs, signal }: GlassRequest): Promise<Lease | undefined> {
  const end = world.clock.now().getTime() + waitMs;
  for (;;) {
    signal.throwIfAborted();
    const lease = await takeLease(world.journal, world.migrationId);
    if (lease !== undefined || world.clock.now().getTime() >= end) return lease;
    await world.clock.sleep(200, signal);
  }
}

async function underLease(world: World, request: GlassRequest, lease: Lease, now: Outlook): Promise<GlassOutcome> {
  const over = now.migration.state === "aborted" || now.migration.state === "completed";
  if (request.verb === "abort" && over) return { did: [`${now.migration.id} is ${now.migration.state}`], failed: [] };
  await using held = heldRegistry();
  const run = await runOf(world, request, lease, now, held);
  if (!(await isApprovedConfiguration(run))) {
    throw new DrawbridgeError(
      "DB_CONFIG",
      `${run.window?.name} was opened under another configuration file: break the glass with that one`,
    );
  }
  const cause = new DrawbridgeError("DB_ABORTED", `break-glass ${request.verb} by ${request.by}: ${request.reason}`);
  const canPutBack = run.window !== undefined && run.window.noReturnAt === undefined;
  // whoever comes after finds that the window can only be put back, before its fence goes
  if (canPutBack && request.verb === "unfence") await markPutBack(run, cause);
  if (canPutBack && request.verb !== "unfence") return await windowBack(run, request, cause);
  if (request.verb === "abort") {
    if (run.window !== undefined)
      throw new DrawbridgeError("DB_BAD_INPUT", `${run.window.name} has passed its point of no return meanwhile`);
    const ended = await abandon(run, cause);
    return ended === "aborted"
      ? { did: [`what ${run.phase} did is undone; the migration is aborted`], failed: [] }
      : { did: [], failed: ["not everything could be undone; a worker tries again, or type the same again"] };
  }
  const lifted = await liftAtPrimary(world, now.primary);
  if (request.verb === "unfence") return { did: [lifted], failed: [] };
  const reopened = await reopenApp(run, now.primary);
  return { did: [lifted, ...reopened.did], failed: reopened.failed };
}

async function runOf(
  world: World,
  request: GlassRequest,
  lease: Lease,
  { migration, window }: Outlook,
  held: Run<World>["held"],
): Promise<Run<World>> {
  const phase = window === undefined ? migration.phase : windowFacts[window.name].phase;
  const state = await getPhaseRun(world.journal, migration.id, phase);
  const run: Run<World> = {
    world,
    lease,
    held,
    phase,
    migrationId: migration.id,
    plan: phasePlan(phase),
    worker: `break-glass ${request.by}`,
    try: state?.try ?? 1,
    window: undefined,
    shutdown: request.signal,
  };
  await refreshWindow(run);
  return run;
}

async function windowBack(run: Run<World>, request: GlassRequest, cause: DrawbridgeError): Promise<GlassOutcome> {
  const { window } = run;
  const ended = await putBack(run, cause);
  // putting back takes an abort for done and lets the migration go on; here nothing goes on until somebody says so
  await setIntent(run.world.journal, run.migrationId, "hold", request.by);
  if (ended === "put-back") {
    return {
      did: [
        `${window?.name} was put back: writes go to ${primaryWords[windowPrimary(window?.name)]}, dynos and maintenance mode are as they were`,
      ],
      failed: [],
    };
  }
  const left = await run.world.journal.query<{ step: string }>(
    `select distinct step from journal.step_attempt where migration_id = $1 and phase = $2 and try = $3 and state <> 'undone'`,
    [run.migrationId, run.phase, run.try],
  );
  return {
    did: [],
    failed: [
      `${window?.name} is not put back yet; still to be undone: ${left.map(({ step }) => step).join(", ")}. Type the same again`,
    ],
  };
}

function windowPrimary(name: string | undefined): "source" | "bridge" {
  return name === "window-2" ? "bridge" : "source";
}

async function markPutBack(run: Run<World>, cause: DrawbridgeError): Promise<void> {
  const { window } = run;
  if (window === undefined) return;
  const marked = await fenced(run.world.journal, run.lease, (tx) =>
    beginPutBack(tx, window.id, { code: cause.code, message: cause.message }),
  );
  if (!marked) throw new DrawbridgeError("DB_BAD_INPUT", `${window.name} has passed its point of no return`);
}
