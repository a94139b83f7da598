import { systemClock } from "../../src/clock.ts";
import { createApproval, moveApproval } from "../../src/journal/approvals-rows.ts";
import { requestClaim, writeAttestation } from "../../src/journal/claims.ts";
import { createDraft, getMigration, setPhase, setState } from "../../src/journal/migrations.ts";
import type { Journal } from "../../src/journal/open.ts";
import { ensurePhase, getPhaseRun, markPhase } from "../../src/journal/phase-runs.ts";
import { type Phase, phases } from "../../src/journal/phase.ts";
import { askWindow, openWindowRow } from "../../src/journal/windows.ts";
import { silentLog } from "../../src/log.ts";
import type { Advanced } from "../../src/migration/journal-outcome.ts";
import type { PhasePlan } from "../../src/migration/phase-plan.ts";
import { advance } from "../../src/migration/run-phase.ts";
import type { RunnerWorld } from "../../src/migration/runner-world.ts";
import type { Held, Step, StepContext } from "../../src/migration/step.ts";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { openSession, type Session } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import type { TestCluster } from "../support/cluster.ts";
import type { TestJournal } from "../support/journal.ts";

/** A world whose only outside is a scratch database, where every effect leaves a row. */
export interface ScratchWorld extends RunnerWorld {
  readonly scratch: Database;
  readonly scratchUrl: Secret;
}

/** Makes the scratch database: what was done, and what is there now. */
export async function makeScratch(cluster: TestCluster): Promise<Secret> {
  const url = new Secret(cluster.url(await cluster.createDatabase()));
  await using db = openDatabase(url, { applicationName: "kit" });
  await db.query("create table log (id serial, what text)");
  await db.query("create table effect (step text primary key)");
  return url;
}

/** A world on a scratch database. `fault` as the test wants it. */
export function scratchWorld(
  journal: Journal,
  scratchUrl: Secret,
  fault: (name: string) => Promise<void> = async () => undefined,
): ScratchWorld {
  const scratch = openDatabase(scratchUrl, { applicationName: "kit" });
  return { journal, clock: systemClock, log: silentLog, scratch, scratchUrl, fault, configDigest: "c" };
}

/** What happened in the scratch database, in order. */
export async function done(world: ScratchWorld): Promise<string[]> {
  const rows = await world.scratch.query<{ what: string }>("select what from log order by id");
  return rows.map((row) => row.what);
}

type Custom = Partial<Step<ScratchWorld>> & {
  readonly before?: (world: ScratchWorld, context: StepContext) => Promise<unknown>;
};

/** A step that puts a row there, sees whether it is there, and takes it away. `before` runs first. */
export function step(name: string, custom: Custom = {}): Step<ScratchWorld> {
  const { before, ...rest } = custom;
  return {
    name,
    deadlineMs: 10_000,
    observe: async ({ scratch }) =>
      (await scratch.query("select step from effect where step = $1", [name])).length > 0 ? { seen: true } : undefined,
    run: async (world, context) => {
      await before?.(world, context);
      await context.assertLease();
      await world.scratch.query("with e as (insert into effect values ($1)) insert into log (what) values ($1)", [
        name,
      ]);
      return { ran: true };
    },
    undo: async ({ scratch }) => {
      await scratch.query("delete from effect where step = $1", [name]);
      await scratch.query("insert into log (what) values ($1)", [`undo ${name}`]);
    },
    ...rest,
  };
}

/** A step whose effect is a session of this process. */
export function heldStep(name: string, sessions: Session[] = []): Step<ScratchWorld> {
  return step(name, {
    held: true,
    run: async (world, context) => {
      const session = await openSession(world.scratchUrl, { applicationName: "kit-held" });
      sessions.push(session);
      await world.scratch.query("insert into log (what) values ($1)", [name]);
      const held: Held = { lost: session.lost, [Symbol.asyncDispose]: () => session.close() };
      context.hold(name, held);
      return { pid: session.pid };
    },
  });
}

/** An active migration that has come to `phase`. */
export async function migrationAt(journal: Journal, id: string, phase: Phase): Promise<void> {
  await createDraft(journal, { id, driver: "dan", configDigest: "c" });
  await setState(journal, id, "active");
  for (const earlier of phases.slice(0, phases.indexOf(phase))) {
    await ensurePhase(journal, id, earlier);
    await markPhase(journal, { migrationId: id, phase: earlier }, { state: "done" });
  }
  await ensurePhase(journal, id, phase);
  await setPhase(journal, id, phase);
}

/** Opens window 1 with a consumed maintenance gate for the step `gated`, as two people and the bot would have. */
export async function openWindow1(at: TestJournal, id: string, deadlineMs = 60_000): Promise<number> {
  const run = await getPhaseRun(at.worker, id, "promote");
  const ask = { migrationId: id, name: "window-1", askedBy: "dan", forecastMs: 1_000 } as const;
  const windowId = await askWindow(at.worker, { ...ask, try: run?.try ?? 1 });
  const approval = `${id}-${windowId}`;
  const what = { gate: "maintenance", step: "gated", digest: "d", subject: {}, evidence: {} } as const;
  const asked = { id: approval, migrationId: id, windowId, requesters: ["dan"], expiresInMs: 600_000 };
  await createApproval(at.worker, { ...what, ...asked });
  await moveApproval(at.bot, approval, { from: ["OPENING"], to: "PENDING" });
  await moveApproval(at.bot, approval, { from: ["PENDING"], to: "ARMED" });
  const epoch = (await getMigration(at.worker, id))?.epoch ?? 0n;
  await requestClaim(at.worker, { nonce: approval, approvals: [approval], migrationId: id, epoch });
  await writeAttestation(at.bot, approval, {});
  await moveApproval(at.worker, approval, { from: ["ARMED"], to: "CONSUMED" });
  await openWindowRow(at.worker, windowId, deadlineMs, { configDigest: "c" });
  return windowId;
}

/** Lets one worker look at a phase. */
export function work(
  world: ScratchWorld,
  id: string,
  plan: PhasePlan<ScratchWorld>,
  options: { readonly worker?: string; readonly shutdown?: AbortSignal } = {},
): Promise<Advanced> {
  const shutdown = options.shutdown ?? new AbortController().signal;
  return advance(world, id, plan.phase, { plan: () => plan, worker: options.worker ?? "w1", shutdown });
}
