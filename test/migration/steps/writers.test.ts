import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import type { JsonObject } from "../../../src/journal/json.ts";
import { silentLog } from "../../../src/log.ts";
import type { StepContext } from "../../../src/migration/step.ts";
import { keepWritersStopped, restoreWriters, stopWriters } from "../../../src/migration/steps/window/writers.ts";
import type { World } from "../../../src/migration/world.ts";
import { startWorld, type TestWorld } from "../../sandbox/heroku/world.ts";
import { partOf } from "../part-of.ts";

const web = `${process.execPath} ${fileURLToPath(new URL("../../sandbox/heroku/fixtures/web.cjs", import.meta.url))}`;

const shop = {
  name: "shop",
  processes: {
    web: { command: web, quantity: 2 },
    worker: { command: "sleep 600", quantity: 1 },
    urgent: { command: "sleep 600", quantity: 0 },
    release: { command: "true" },
  },
  preboot: true,
} as const;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function open(app: object = {}): Promise<{ world: World; at: TestWorld }> {
  const at = stack.use(
    await startWorld({
      apps: [
        { ...shop, ...app },
        { name: "reports", processes: {} },
      ],
    }),
  );
  const config = { heroku: { app: "shop" }, policy: { stopWritersSeconds: 10 } };
  // steps see more of the world; these look at nothing else
  return { at, world: partOf<World>({ config, heroku: at.heroku, log: silentLog }) };
}

function contextWith(memory: JsonObject): StepContext {
  const signal = new AbortController().signal;
  return partOf<StepContext>({
    signal,
    memory,
    assertLease: async () => undefined,
    output: async () => memory,
  });
}

const formation = (at: TestWorld) => at.stand.state().apps[0]?.formation;
const dynos = (at: TestWorld) => at.stand.state().apps[0]?.dynos.map(({ name }) => name);

test("every dyno stops, preboot goes off, and both come back as they were; nothing is scaled that had no dynos", async () => {
  const { world, at } = await open();
  const memory = (await stopWriters.remember?.(world)) ?? {};
  await stopWriters.run(world, contextWith(memory));
  expect(dynos(at)).toEqual([]);
  expect(await at.heroku.preboot("shop")).toBe(false);
  await restoreWriters.run(world, contextWith(memory));
  expect(formation(at)).toEqual({ web: 2, worker: 1, urgent: 0, release: 0 });
  expect(await at.heroku.preboot("shop")).toBe(true);
});

test("putting back works from any half-way, again and again, and waits for the web dynos before visitors come", async () => {
  const { world, at } = await open();
  const memory = (await stopWriters.remember?.(world)) ?? {};
  const { undo } = stopWriters;
  if (undo === "irreversible") throw new Error("stop-writers has to be undone");
  await undo(world, contextWith(memory));
  await at.heroku.setPreboot("shop", false);
  await at.heroku.scale("shop", [{ type: "web", quantity: 0 }]);
  await undo(world, contextWith(memory));
  await undo(world, contextWith(memory));
  expect(formation(at)).toMatchObject({ web: 2, worker: 1 });
  expect(await at.heroku.preboot("shop")).toBe(true);
  const up = (await at.heroku.dynos("shop")).filter(({ type, state }) => type === "web" && state === "up");
  expect(up.length).toBe(2);
});

test("a worker that crashes does not keep visitors before a closed door", async () => {
  const processes = { ...shop.processes, worker: { command: "exit 1", quantity: 1 } };
  const { world } = await open({ processes });
  const memory = (await stopWriters.remember?.(world)) ?? {};
  await stopWriters.run(world, contextWith(memory));
  expect(await restoreWriters.run(world, contextWith(memory))).toBeDefined();
});

test("what an autoscaler starts inside the window is scaled to zero again, before the promotion and the point of no return", async () => {
  const { world, at } = await open();
  const memory = (await stopWriters.remember?.(world)) ?? {};
  await stopWriters.run(world, contextWith(memory));
  await keepWritersStopped(world, contextWith(memory));
  await at.heroku.scale("shop", [{ type: "web", quantity: 3 }]);
  await waitFor(() => (dynos(at)?.length ?? 0) > 0, { deadlineMs: 5_000, everyMs: 20, what: "dynos" });
  await keepWritersStopped(world, contextWith(memory));
  expect(formation(at)).toMatchObject({ web: 0, worker: 0 });
  expect(dynos(at)).toEqual([]);
});
