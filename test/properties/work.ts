import { windowFacts } from "../../src/journal/phase.ts";
import { leaseClass } from "../../src/migration/lease.ts";
import type { PhasePlan } from "../../src/migration/phase-plan.ts";
import { advance } from "../../src/migration/run-phase.ts";
import type { RunnerWorld } from "../../src/migration/runner-world.ts";
import type { Step } from "../../src/migration/step.ts";
import type { Event, Work } from "./events.ts";
import { Broken, count, type Play } from "./promises.ts";

type Part = Step<RunnerWorld>;

/** A small window: a step that needs no gate, the gated ones, the point of no return, and one after it. */
function planOf(play: Play): PhasePlan<RunnerWorld> {
  const { phase, gates } = windowFacts[play.world.window];
  const gated = gates.map((gate): Part => ({ ...stepOf(play, gate), gate }));
  const noReturn: Part = { ...stepOf(play, "no-return"), noReturn: true, undo: "irreversible" };
  return { phase, steps: [stepOf(play, "announce"), ...gated, noReturn, stepOf(play, "open-up")] };
}

function stepOf(play: Play, name: string): Part {
  return {
    name,
    deadlineMs: 20_000,
    // where time passes between the runner's look and its claim
    validate: (world) => world.fault(`validating:${name}`),
    observe: async (_world, { window }) => (play.effects.has(`${window?.id} ${name}`) ? { seen: true } : undefined),
    run: async (_world, context) => {
      await context.assertLease();
      try {
        take(play, context.window?.id, name);
      } catch (error) {
        if (error instanceof Broken) play.broken.push(error);
        throw error;
      }
      return {};
    },
    undo: async (_world, { window }) => void play.effects.delete(`${window?.id} ${name}`),
  };
}

/** The effect on the outside world. */
function take(play: Play, windowId: number | undefined, name: string): void {
  const effect = `${windowId} ${name}`;
  if (windowId === undefined || !play.opened.has(windowId))
    throw new Broken(`${name} ran without a window that people opened`);
  if (play.effects.has(effect)) throw new Broken(`${name} took effect twice in window ${windowId}`);
  play.effects.add(effect);
}

/** Rings the workers once, with things happening while they run. */
export async function work(
  play: Play,
  during: Work["during"],
  happen: (play: Play, event: Event) => Promise<void>,
): Promise<void> {
  const { world } = play;
  const plan = planOf(play);
  let moment = 0;
  const ring = (worker: string) =>
    advance(world.runner, world.id, plan.phase, { plan: () => plan, worker, shutdown: new AbortController().signal });
  world.onFault = async (name) => {
    try {
      demandUnstopped(play, name);
      const now = moment++;
      for (const { event } of during.filter(({ at }) => at === now)) {
        if (event.is === "worker-dies") await dropLease(play);
        else if (event.is === "other-worker") await ring("other");
        else await happen(play, event);
      }
    } catch (error) {
      // the runner takes it for a fault of the step
      if (error instanceof Broken) play.broken.push(error);
      throw error;
    }
  };
  const both = await Promise.all([ring("first"), ring("second")]);
  world.onFault = undefined;
  for (const { kind } of both) count(play, `work ${kind}`);
}

/** Nothing may begin, and no return be passed, once a veto or withdrawal is known. */
function demandUnstopped({ world: { truth } }: Play, moment: string): void {
  const isBeginning = moment.startsWith("started:") && moment !== "started:open-up";
  if (!isBeginning && moment !== "recorded:no-return") return;
  if (truth.stops.length > 0) throw new Broken(`${moment} although ${truth.stops.join("; ")}`);
}

/** The connection that is the lease breaks: the worker is as good as dead, and does not know it yet. */
async function dropLease({ world }: Play): Promise<void> {
  await world.journal.admin.query(
    `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = $1::oid
       and objid::bigint = hashtext($2)::bigint & 4294967295 and database = (select oid from pg_database where datname = current_database())`,
    [leaseClass, world.id],
  );
}
