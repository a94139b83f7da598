import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { Secret } from "../../../src/redact.ts";
import { plainApp, runs, startWorld, type TestWorld } from "./world.ts";

const web = `${process.execPath} ${fileURLToPath(new URL("./fixtures/web.cjs", import.meta.url))}`;
const soon = (what: string) => ({ deadlineMs: 10_000, everyMs: 30, what });
const dynosOf = (world: TestWorld) => world.stand.state().apps[0]?.dynos ?? [];
const upAt = (world: TestWorld, count: number, version: number) =>
  waitFor(
    () => {
      const up = dynosOf(world).filter((each) => each.state === "up" && each.version === version);
      return up.length === count && dynosOf(world).length === count ? up : undefined;
    },
    soon(`${count} dynos at v${version}`),
  );

const app = (changes: object = {}) => ({
  apps: [
    { ...plainApp, processes: { ...plainApp.processes, worker: { command: "sleep 600", quantity: 2 } }, ...changes },
  ],
});

describe("dynos", () => {
  test("scaling to zero really ends the processes, also one that ignores SIGTERM", async () => {
    await using world = await startWorld(
      app({ processes: { worker: { command: "trap '' TERM; while :; do sleep 0.1; done", quantity: 2 } } }),
    );
    const pids = (await upAt(world, 2, 1)).map((each) => each.pid ?? 0);
    expect(pids.every(runs)).toBe(true);
    const began = Date.now();
    await world.heroku.scale("shop", [{ type: "worker", quantity: 0 }]);
    await world.heroku.waitDynos("shop", "no dynos", (dynos) => dynos.length === 0, { deadlineMs: 10_000 });
    expect(Date.now() - began).toBeGreaterThan(450);
    expect(pids.some(runs)).toBe(false);
  });

  test("a release restarts them with its config; rotation of the add-on's URL is such a release", async () => {
    await using world = await startWorld(app());
    const before = (await upAt(world, 2, 1)).map((each) => each.pid);
    world.stand.setAddonUrl("postgresql-curved-1", "postgres://rotated:x@127.0.0.1:1/shop");
    const after = (await upAt(world, 2, 2)).map((each) => each.pid);
    expect(after.some((pid) => before.includes(pid))).toBe(false);
    expect((await world.heroku.configVars("shop")).get("DATABASE_URL")?.reveal()).toContain("rotated");
  });

  test("a dyno that dies is started again", async () => {
    await using world = await startWorld(app());
    const [first] = await upAt(world, 2, 1);
    world.stand.killDyno("shop", first?.name ?? "");
    await waitFor(() => dynosOf(world).some((each) => each.state === "crashed"), soon("the crash"));
    const after = await upAt(world, 2, 1);
    expect(after.map((each) => each.pid)).not.toContain(first?.pid);
  });

  test("one-off dynos get their own environment, are listed, and can be stopped", async () => {
    await using world = await startWorld();
    const env = new Map([["SECONDS", new Secret("600")]]);
    const dyno = await world.heroku.runOneOff("shop", 'sleep "$SECONDS"', env);
    expect(dyno.name).toMatch(/^run\.\d{4}$/);
    await world.heroku.setConfigVars("shop", new Map([["LANG", new Secret("de")]]));
    expect((await world.heroku.dynos("shop")).map((each) => each.name)).toEqual([dyno.name]);
    await world.heroku.stopDyno("shop", dyno.name);
    await world.heroku.waitDynos("shop", "it to be gone", (dynos) => dynos.length === 0, { deadlineMs: 5_000 });
    await world.heroku.stopDyno("shop", dyno.name);
  });

  test("an unknown process type is refused and nothing is scaled", async () => {
    await using world = await startWorld();
    const updates = [
      { type: "web", quantity: 1 },
      { type: "clock", quantity: 1 },
    ];
    await expect(world.heroku.scale("shop", updates)).rejects.toThrow("Couldn't find that process type");
    expect(world.stand.state().apps[0]?.formation).toEqual({ web: 0, worker: 0 });
  });
});

describe("router and maintenance mode", () => {
  test("maintenance stops visitors only: workers and the scheduler go on, web dynos keep running", async () => {
    await using world = await startWorld(
      app({
        processes: { web: { command: web, quantity: 1 }, worker: { command: "sleep 600", quantity: 1 } },
        config: { COLOUR: "blue" },
        scheduler: { command: "sleep 0.05", everyMs: 100 },
      }),
    );
    const visit = async () => {
      const response = await fetch(world.stand.routerUrl("shop"));
      return { status: response.status, text: await response.text() };
    };
    await waitFor(async () => (await visit()).status === 200, soon("the web dyno"));
    expect((await visit()).text).toBe("web.1 blue");
    const pids = () => dynosOf(world).flatMap((each) => (each.name.startsWith("scheduler.") ? [] : [each.pid]));
    const before = pids();
    await world.heroku.setMaintenance("shop", true);
    expect(await visit()).toMatchObject({ status: 503, text: expect.stringContaining("H80") });
    await waitFor(() => dynosOf(world).some((each) => /^scheduler\.\d{4}$/.test(each.name)), soon("a scheduled job"));
    expect(pids()).toEqual(before);
    await world.heroku.setMaintenance("shop", false);
    expect((await visit()).status).toBe(200);
    await world.heroku.scale("shop", [{ type: "web", quantity: 0 }]);
    await waitFor(async () => (await visit()).text.includes("H14"), soon("no web dynos"));
    expect(await world.heroku.releases("shop", 5)).toHaveLength(1);
  });

  test("under preboot old and new web dynos run side by side; without it they do not", async () => {
    await using world = await startWorld(
      app({ processes: { web: { command: web, quantity: 1 } }, config: { COLOUR: "blue" } }),
    );
    await upAt(world, 1, 1);
    expect(await world.heroku.preboot("shop")).toBe(false);
    await world.heroku.setPreboot("shop", true);
    await world.heroku.setConfigVars("shop", new Map([["COLOUR", new Secret("red")]]));
    await waitFor(() => dynosOf(world).filter((each) => each.state === "up").length === 2, soon("both"));
    await upAt(world, 1, 2);
    await world.heroku.setPreboot("shop", false);
    await world.heroku.setConfigVars("shop", new Map([["COLOUR", new Secret("green")]]));
    expect(dynosOf(world).length).toBeLessThanOrEqual(1);
    await upAt(world, 1, 3);
    expect(await (await fetch(world.stand.routerUrl("shop"))).text()).toBe("web.1 green");
  });
});

test("two stand-ins run side by side and leave nothing behind", async () => {
  const pids: number[] = [];
  {
    await using one = await startWorld(app());
    await using two = await startWorld(app());
    for (const world of [one, two]) pids.push(...(await upAt(world, 2, 1)).map((each) => each.pid ?? 0));
    expect(one.stand.url).not.toBe(two.stand.url);
  }
  expect(pids).toHaveLength(4);
  expect(pids.some(runs)).toBe(false);
});
