import { DrawbridgeError } from "../../../errors.ts";
import type { Dyno, Patience } from "../../../heroku/apps.ts";
import type { JsonObject } from "../../../journal/json.ts";
import { textIn } from "../../step-output.ts";
import type { Step, StepContext } from "../../step.ts";
import type { World } from "../../world.ts";

interface Formation {
  readonly processes: ReadonlyArray<{ readonly type: string; readonly quantity: number }>;
  readonly preboot: boolean;
}

/** How long putting back waits for web dynos before it opens the door, in milliseconds; Heroku's own limit to boot. */
const webUpAgainMs = 60_000;

/**
 * Scales every process type to zero and stops one-off dynos. A scheduler goes on starting new ones; the fence stops
 * what they would write. Preboot is switched off, since it would keep old dynos alive beside new ones.
 */
export const stopWriters: Step = {
  name: "stop-writers",
  deadlineMs: 180_000,
  remember: readFormation,
  observe: async () => undefined,
  run: async (world, context) => {
    const { app } = world.config.heroku;
    const before = asFormation(context.memory);
    await context.assertLease();
    if (before.preboot) await world.heroku.setPreboot(app, false);
    await stopOneOffs(world, new Set(before.processes.map(({ type }) => type)));
    await scaleToZero(world, context);
    const stopped = before.processes.reduce((sum, { quantity }) => sum + quantity, 0);
    return { ...context.memory, stopped };
  },
  undo: async (world, context) => {
    const before = asFormation(context.memory);
    await putFormation(world, before);
    // The next undo lets visitors in. A dyno that does not come up is the app's matter and keeps nothing closed.
    await awaitWeb(world, before, { deadlineMs: webUpAgainMs, signal: context.signal }).catch(() => undefined);
  },
};

/**
 * Looks again, just before what cannot be taken back: an autoscaler may have started dynos since. They cannot write, for the
 * fence stands, but they must not boot into the middle of the switch. @throws DrawbridgeError `DB_WAIT_TIMEOUT`.
 */
export async function keepWritersStopped(world: World, context: StepContext): Promise<void> {
  const running = (await world.heroku.formation(world.config.heroku.app)).filter(({ quantity }) => quantity > 0);
  if (running.length === 0) return;
  const found = running.map(({ type, quantity }) => `${type}=${quantity}`).join(" ");
  world.log.warn({ found }, "something scaled the app up inside the window; it is scaled to zero again");
  await context.assertLease();
  await scaleToZero(world, context);
}

/**
 * Brings the formation back to what it was before the window and waits until its web dynos are up. Others are not awaited:
 * visitors need not stand before a closed door because a background worker crashes.
 */
export const restoreWriters: Step = {
  name: "restore-writers",
  deadlineMs: 300_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const before = asFormation(await context.output("stop-writers"));
    await context.assertLease();
    await putFormation(world, before);
    const dynos = await awaitWeb(world, before, { deadlineMs: 240_000, signal: context.signal });
    return { dynos: dynos.length };
  },
  undo: "irreversible",
};

async function readFormation(world: World): Promise<JsonObject> {
  const { app } = world.config.heroku;
  const processes = (await world.heroku.formation(app)).map(({ type, quantity }) => ({ type, quantity }));
  return { processes, preboot: await world.heroku.preboot(app) };
}

async function stopOneOffs(world: World, formation: ReadonlySet<string>): Promise<void> {
  const { app } = world.config.heroku;
  const oneOffs = (await world.heroku.dynos(app)).filter((dyno) => !formation.has(dyno.type));
  await Promise.all(oneOffs.map((dyno) => world.heroku.stopDyno(app, dyno.name).catch(() => undefined)));
}

/** Zero for every type that has dynos now; then waits until they are gone, release phase included. */
async function scaleToZero(world: World, context: StepContext): Promise<void> {
  const { app } = world.config.heroku;
  const now = await world.heroku.formation(app);
  const running = now.filter(({ quantity }) => quantity > 0);
  await world.heroku.scale(
    app,
    running.map(({ type }) => ({ type, quantity: 0 })),
  );
  const types = new Set(now.map(({ type }) => type));
  await world.heroku.waitDynos(
    app,
    "every dyno of the formation to stop",
    (dynos) => !dynos.some((dyno) => types.has(dyno.type)),
    { deadlineMs: world.config.policy.stopWritersSeconds * 1000, signal: context.signal },
  );
}

/** Quantities as they were. Types that had none are not named: Heroku does not scale some of them (`release`). */
async function putFormation(world: World, before: Formation): Promise<void> {
  const { app } = world.config.heroku;
  await world.heroku.scale(
    app,
    before.processes.filter(({ quantity }) => quantity > 0),
  );
  if (before.preboot) await world.heroku.setPreboot(app, true);
}

async function awaitWeb(world: World, before: Formation, patience: Patience): Promise<readonly Dyno[]> {
  const wanted = before.processes.find(({ type }) => type === "web")?.quantity ?? 0;
  return world.heroku.waitDynos(
    world.config.heroku.app,
    "the web dynos to be up again",
    (dynos) => dynos.filter(({ type, state }) => type === "web" && state === "up").length >= wanted,
    patience,
  );
}

function asFormation(memory: JsonObject): Formation {
  const processes = memory["processes"];
  if (!Array.isArray(processes)) {
    throw new DrawbridgeError("DB_JOURNAL_CONFLICT", "the journal does not hold the formation from before the window");
  }
  return {
    processes: processes.map((entry: JsonObject) => ({
      type: textIn(entry, "type"),
      quantity: Number(entry["quantity"]),
    })),
    preboot: memory["preboot"] === true,
  };
}
