import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { openHeroku } from "../../src/heroku/heroku.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import { addonUrl, clientOf, startWorld, token } from "../sandbox/heroku/world.ts";

const addon = "postgresql-curved-1";

describe("reading", () => {
  test("app, account, rate limit, formation, config vars, add-on", async () => {
    await using world = await startWorld();
    const { heroku } = world;
    expect(await heroku.app("shop")).toMatchObject({
      name: "shop",
      maintenance: false,
      region: "us",
      space: undefined,
    });
    expect((await heroku.account()).email).toMatch(/@/);
    expect(await heroku.rateLimit()).toBeGreaterThan(4_000);
    expect((await heroku.formation("shop")).map((each) => each.type).toSorted()).toEqual(["web", "worker"]);
    const vars = await heroku.configVars("shop");
    expect(vars.get("DATABASE_URL")?.reveal()).toBe(addonUrl);
    expect(JSON.stringify([...vars])).not.toContain("hunter2");
    expect(await heroku.addon(addon)).toMatchObject({
      name: addon,
      billingApp: "shop",
      plan: "heroku-postgresql:standard-0",
    });
    expect((await heroku.addonConfig(addon)).get("DATABASE_URL")?.reveal()).toBe(addonUrl);
    expect(heroku.remaining()).toBeGreaterThan(4_000);
  });

  test("a list longer than a page comes whole, and the last releases newest first", async () => {
    await using world = await startWorld();
    for (let n = 0; n < 4; n++) await world.heroku.setConfigVars("shop", new Map([["N", new Secret(String(n))]]));
    const all = await world.heroku.releases("shop", 50);
    expect(all.map((each) => each.version)).toEqual([5, 4, 3, 2, 1]);
    const two = await world.heroku.releases("shop", 2);
    expect(two.map((each) => each.description)).toEqual(["Set N config vars", "Set N config vars"]);
    expect(two[0]).toMatchObject({ version: 5, current: true, status: "succeeded" });
  });

  test("what Heroku refuses is said in its own words with the request id, never with a secret", async () => {
    await using world = await startWorld();
    await expect(world.heroku.app("nowhere")).rejects.toMatchObject({
      code: "DB_HEROKU",
      outcome: "terminal",
      message: expect.stringMatching(/404 not_found: Couldn't find that app\. \(request [0-9a-f-]{36}\)/),
    });
    const stranger = openHeroku({ apiUrl: world.stand.url, token: new Secret("wrong"), log: silentLog });
    await expect(stranger.account()).rejects.toMatchObject({ code: "DB_HEROKU", outcome: "paused" });
    world.stand.setFault("rate-limited", { times: 1 });
    await expect(world.heroku.account()).rejects.toMatchObject({ outcome: "retryable", retryAfterMs: 30_000 });
    world.stand.setFault("two-factor", { times: 1 });
    await expect(world.heroku.account()).rejects.toMatchObject({ message: expect.stringContaining("two_factor") });
  });

  test("an answer of an unknown shape is an error that names the place and not the value", async () => {
    const server = createServer((_, response) => response.end(JSON.stringify({ DATABASE_URL: ["hunter2"] })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const heroku = openHeroku({ apiUrl: `http://127.0.0.1:${address.port}`, token: new Secret(token), log: silentLog });
    const failed = await heroku.configVars("shop").catch((thrown: unknown) => String(thrown));
    server.close();
    expect(failed).toContain("DATABASE_URL (invalid_type)");
    expect(failed).not.toContain("hunter2");
  });
});

describe("changing when answers get lost", () => {
  test("maintenance whose answer is lost is seen to be on, and was sent once", async () => {
    await using world = await startWorld();
    world.stand.setFault("lost-response", { times: 1, method: "PATCH" });
    await world.heroku.setMaintenance("shop", true);
    expect((await world.heroku.app("shop")).maintenance).toBe(true);
  });

  test("attach whose answer is lost makes one attachment and one release", async () => {
    await using world = await startWorld();
    world.stand.setFault("lost-response", { times: 1, method: "POST" });
    const attachment = await world.heroku.attach({ addon, app: "shop" });
    expect(attachment.name).toMatch(/^HEROKU_POSTGRESQL_[A-Z]+$/);
    // heroku-client by itself would send again one second after the loss: nothing may have come by then.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(await world.heroku.addonAttachments(addon)).toHaveLength(2);
    expect(await world.heroku.releases("shop", 10)).toHaveLength(2);
  });

  test("a request that was not carried out is sent again; one that was carried out and answered 500 is not", async () => {
    await using world = await startWorld();
    world.stand.setFault("server-error", { times: 1, method: "PATCH" });
    await world.heroku.setConfigVars("shop", new Map([["A", new Secret("1")]]));
    world.stand.setFault("error-after-apply", { times: 1, method: "PATCH" });
    await world.heroku.setConfigVars("shop", new Map([["A", undefined]]));
    const descriptions = (await world.heroku.releases("shop", 10)).map((each) => each.description);
    expect(descriptions).toEqual(["Remove A config vars", "Set A config vars", "Initial release"]);
  });

  test("a slow answer that we gave up on counts by what is seen", async () => {
    await using world = await startWorld();
    const hurried = clientOf(world.stand, 200);
    world.stand.setFault("slow", { times: 1, method: "PATCH", ms: 2_000 });
    await hurried.scale("shop", [{ type: "worker", quantity: 1 }]);
    expect(world.stand.state().apps[0]?.formation).toEqual({ web: 0, worker: 1 });
  });

  test("a Heroku that never answers is an unknown outcome, retryable", async () => {
    await using world = await startWorld();
    world.stand.setFault("server-error", {});
    await expect(world.heroku.setMaintenance("shop", true)).rejects.toMatchObject({
      code: "DB_HEROKU",
      outcome: "retryable",
    });
  });
});
