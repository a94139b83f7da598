import { DrawbridgeError } from "../../../errors.ts";
import type { Dyno } from "../../../heroku/apps.ts";
import type { JsonObject } from "../../../journal/json.ts";
import type { Step, StepContext } from "../../step.ts";
import type { World } from "../../world.ts";

interface Formation {
  readonly processes: ReadonlyArray<{ readonly type: string; readonly quantity: number }>;
  readonly preboot: boolean;
}

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
    await world.heroku.scale(app, before.processes.map(({ type }) => ({ type, quantity: 0 })));
    const types = new Set(before.processes.map(({ type }) => type));
    await stopOneOffs(world, types);
    await world.heroku.waitDynos(
      app,
      "every dyno of the formation to stop",
      (dynos) => !dynos.some((dyno) => types.has(dyno.type)),
      { deadlineMs: world.config.policy.stopWritersSeconds * 1000, signal: context.signal },
    );
    const stopped = before.processes.reduce((sum, { quantity }) => sum + quantity, 0);
    return { ...context.memory, stopped };
  },
  undo: async (world, context) => {
    await putFormation(world, asFormation(context.memory));
  },
};

/** Brings the formation back to what it was before the window and waits until its web dynos are up. */
export const restoreWriters: Step = {
  name: "restore-writers",
  deadlineMs: 300_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const before = asFormation(await context.output("stop-writers"));
    await context.assertLease();
    await putFormation(world, before);
    const dynos = await awaitDynos(world, before, context);
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

async function putFormation(world: World, before: Formation): Promise<void> {
  const { app } = world.config.heroku;
  await world.heroku.scale(app, before.processes);
  if (before.preboot) await world.heroku.setPreboot(app, true);
}

async function awaitDynos(world: World, before: Formation, context: StepContext): Promise<readonly Dyno[]> {
  const up = (dynos: readonly Dyno[], type: string) =>
    dynos.filter((dyno) => dyno.type === type && dyno.state === "up").length;
  return world.heroku.waitDynos(
    world.config.heroku.app,
    "the formation to be up again",
    (dynos) => before.processes.every(({ type, quantity }) => up(dynos, type) >= quantity),
    { deadlineMs: 240_000, signal: context.signal },
  );
}

function asFormation(memory: JsonObject): Formation {
  const processes = memory["processes"];
  if (!Array.isArray(processes)) {
    throw new DrawbridgeError("DB_JOURNAL_CONFLICT", "the journal does not hold the formation from before the window");
  }
  return {
    processes: processes.map((entry: JsonObject) => ({
      type: String(entry["type"]),
      quantity: Number(entry["quantity"]),
    })),
    preboot: memory["preboot"] === true,
  };
}
