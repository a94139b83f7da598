import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copiesOf, legacyAttachment } from "../../src/heroku/database-url.ts";
import { Secret } from "../../src/redact.ts";
import { addonUrl, plainApp, startWorld } from "../sandbox/heroku/world.ts";

const addon = "postgresql-curved-1";
const bridge = new Secret("postgres://owner:hunter2@127.0.0.1:6001/shop");

describe("DATABASE_URL of an attachment", () => {
  test("cannot be overwritten, nor its last attachment detached: nothing is touched", async () => {
    await using world = await startWorld();
    const { heroku } = world;
    await expect(heroku.setConfigVars("shop", new Map([["DATABASE_URL", bridge]]))).rejects.toThrow(
      "Cannot overwrite attachment values DATABASE_URL.",
    );
    await expect(heroku.takeDatabaseUrl({ app: "shop", addon, url: bridge })).rejects.toMatchObject({
      outcome: "terminal",
    });
    const [database] = await heroku.appAttachments("shop");
    if (database === undefined) throw new Error("no attachment");
    await expect(heroku.detach(database)).rejects.toThrow("Cannot destroy last attachment to billing app");
    expect(await heroku.releases("shop", 10)).toHaveLength(1);
  });

  test("is taken, taken again for the next database, and given back", async () => {
    await using world = await startWorld();
    const { heroku } = world;
    await heroku.setConfigVars("shop", new Map([["COPY_URL", new Secret(addonUrl)]]));
    const copies = copiesOf(await heroku.configVars("shop"), new Secret(addonUrl));
    expect(copies).toEqual(["COPY_URL"]);
    expect(await heroku.ensureSecondAttachment("shop", addon)).toMatchObject({ name: legacyAttachment });
    await heroku.ensureSecondAttachment("shop", addon);
    expect(await heroku.addonAttachments(addon)).toHaveLength(2);

    const release = await heroku.takeDatabaseUrl({ app: "shop", addon, url: bridge, copies });
    expect(release).toMatchObject({ description: "Set DATABASE_URL, COPY_URL config vars", current: true });
    expect(await heroku.databaseUrlOwner("shop")).toEqual({ by: "config" });
    expect((await heroku.configVars("shop")).get("COPY_URL")?.reveal()).toBe(bridge.reveal());
    const again = await heroku.takeDatabaseUrl({ app: "shop", addon, url: bridge, copies });
    expect(again?.version).toBe(release?.version);

    const target = new Secret("postgres://owner:hunter2@127.0.0.1:6002/shop");
    const legacy = [`${legacyAttachment}_URL`];
    const next = await heroku.takeDatabaseUrl({ app: "shop", addon, url: target, copies: legacy });
    expect(next?.version).toBe((release?.version ?? 0) + 1);

    await heroku.giveBackDatabaseUrl("shop", addon, new Map([["COPY_URL", new Secret(addonUrl)]]));
    const back = await heroku.giveBackDatabaseUrl("shop", addon);
    expect(back?.description).toMatch(/^Attach DATABASE \(@ref:/);
    expect(await heroku.databaseUrlOwner("shop")).toMatchObject({ by: "attachment", attachment: { addonName: addon } });
    expect((await heroku.configVars("shop")).get("DATABASE_URL")?.reveal()).toBe(addonUrl);
  });

  test("after a crash between detach and PATCH, taking or giving back goes on from there", async () => {
    await using world = await startWorld();
    const { heroku } = world;
    await heroku.ensureSecondAttachment("shop", addon);
    const owner = await heroku.databaseUrlOwner("shop");
    if (owner.by !== "attachment") throw new Error(owner.by);
    await heroku.detach(owner.attachment);
    await heroku.detach(owner.attachment);
    expect(await heroku.databaseUrlOwner("shop")).toEqual({ by: "none" });
    await heroku.takeDatabaseUrl({ app: "shop", addon, url: bridge });
    expect((await heroku.configVars("shop")).get("DATABASE_URL")?.reveal()).toBe(bridge.reveal());
    await heroku.setConfigVars("shop", new Map([["DATABASE_URL", undefined]]));
    await heroku.giveBackDatabaseUrl("shop", addon);
    expect((await heroku.configVars("shop")).get("DATABASE_URL")?.reveal()).toBe(addonUrl);
  });

  test("whichever answers get lost on the way, it ends at the new value", async () => {
    const losses = fc.array(fc.constantFrom("DELETE", "PATCH", "GET", "POST"), { maxLength: 1 });
    const run = async (lost: readonly string[]) => {
      await using world = await startWorld();
      for (const method of lost) world.stand.setFault("lost-response", { times: 1, method });
      await world.heroku.ensureSecondAttachment("shop", addon);
      await world.heroku.takeDatabaseUrl({ app: "shop", addon, url: bridge });
      expect(world.stand.state().apps[0]).toMatchObject({
        databaseUrlOwner: "config",
        config: { DATABASE_URL: bridge.reveal() },
      });
      expect(world.stand.state().apps[0]?.releases).toHaveLength(4);
    };
    await fc.assert(fc.asyncProperty(losses, run), { numRuns: 8 });
  });

  test("of another add-on is left alone", async () => {
    await using world = await startWorld({
      addons: ["one", "two"].map((name) => ({
        name: `postgresql-${name}`,
        plan: "heroku-postgresql:standard-0",
        app: "shop",
        url: addonUrl,
        attachments: [{ app: "shop", name: name === "one" ? "DATABASE" : "OTHER" }],
      })),
    });
    await expect(world.heroku.takeDatabaseUrl({ app: "shop", addon: "postgresql-two", url: bridge })).rejects.toThrow(
      "it is left alone",
    );
    await expect(world.heroku.attach({ app: "shop", addon: "postgresql-two", name: "DATABASE" })).rejects.toThrow(
      "confirmation_required",
    );
    await expect(
      world.heroku.attach({ app: "shop", addon: "postgresql-two", name: "DATABASE", confirm: "shop" }),
    ).rejects.toThrow("is the last billing attachment to postgresql-one");
  });
});

describe("release phase", () => {
  const releasing = (command: string) => ({
    apps: [{ ...plainApp, processes: { ...plainApp.processes, release: { command } } }],
  });

  test("a release is pending until its command has ended, and runs with the new config", async () => {
    await using world = await startWorld(releasing('test "$MODE" = good'));
    expect(await world.heroku.formation("shop")).toContainEqual({ type: "release", quantity: 0, size: "Standard-1X" });
    await world.heroku.setConfigVars("shop", new Map([["MODE", new Secret("good")]]));
    const [release] = await world.heroku.releases("shop", 1);
    if (release === undefined) throw new Error("no release");
    expect(await world.heroku.waitRelease("shop", release.version, { deadlineMs: 5_000 })).toBe("succeeded");
  });

  test("a failed one is not deployed while the config vars stay changed; another release can mend it", async () => {
    await using world = await startWorld(releasing("true"));
    const { heroku, stand } = world;
    await heroku.scale("shop", [{ type: "worker", quantity: 1 }]);
    await heroku.ensureSecondAttachment("shop", addon);
    const [attached] = await heroku.releases("shop", 1);
    await heroku.waitRelease("shop", attached?.version ?? 0, { deadlineMs: 5_000 });
    stand.setFault("release-phase-fails", { times: 2 });
    const failed = await heroku.takeDatabaseUrl({ app: "shop", addon, url: bridge });
    if (failed === undefined) throw new Error("no release");
    expect(await heroku.waitRelease("shop", failed.id, { deadlineMs: 5_000 })).toBe("failed");
    expect((await heroku.configVars("shop")).get("DATABASE_URL")?.reveal()).toBe(bridge.reveal());
    const versions = (await heroku.dynos("shop"))
      .filter((each) => each.type === "worker")
      .map((each) => each.releaseVersion);
    expect(versions).toEqual([attached?.version]);
    const mended = await heroku.releaseAgain("shop");
    expect(mended?.version).toBe(failed.version + 1);
    expect(await heroku.waitRelease("shop", mended?.version ?? 0, { deadlineMs: 5_000 })).toBe("succeeded");
  });
});
