import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { app, ids, team } from "../../src/sandbox/slack/cast.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { type BotWorld, main, openWorld, signingSecret } from "./world.ts";

let cluster: TestCluster;
let world: BotWorld;
beforeAll(async () => {
  cluster = await startCluster();
  world = await openWorld(cluster);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

interface Forgery {
  readonly secret?: string;
  readonly offsetSeconds?: number;
  readonly body?: string;
  readonly type?: string;
}

async function send({
  secret = signingSecret.reveal(),
  offsetSeconds = 0,
  body = command({}),
  type = "application/x-www-form-urlencoded",
}: Forgery): Promise<number> {
  const seconds = String(Math.floor(Date.now() / 1000) + offsetSeconds);
  const signature = createHmac("sha256", secret).update(`v0:${seconds}:${body}`).digest("hex");
  const headers = {
    "content-type": type,
    "x-slack-request-timestamp": seconds,
    "x-slack-signature": `v0=${signature}`,
  };
  const response = await fetch(`${world.bot.url}/slack/events`, { method: "POST", headers, body });
  return response.status;
}

let triggers = 0;
function command(change: Readonly<Record<string, string>>): string {
  const fields = {
    command: "/migrate",
    text: "check",
    user_id: ids.greg,
    team_id: team.id,
    api_app_id: app.id,
    channel_id: main,
    trigger_id: `t${++triggers}`,
    response_url: "https://hooks.slack.com/commands/1/2/secret",
  };
  return new URLSearchParams({ ...fields, ...change }).toString();
}

async function stored(): Promise<number> {
  const [row] = await world.journal.admin.db.query<{ n: number }>("select count(*)::int as n from journal.inbound");
  return row?.n ?? -1;
}

describe("requests that are not Slack's", () => {
  it.each<[string, number, () => Forgery]>([
    ["signed with another secret", 401, () => ({ secret: "guess" })],
    ["six minutes old", 401, () => ({ offsetSeconds: -360 })],
    ["from an hour ahead", 401, () => ({ offsetSeconds: 3_600 })],
    ["of another workspace", 403, () => ({ body: command({ team_id: "T0ELSEWHER" }) })],
    ["of another app", 403, () => ({ body: command({ api_app_id: "A0OTHER" }) })],
    ["of an organisation", 403, () => ({ body: command({ enterprise_id: "E0OTHER" }) })],
    ["too large", 413, () => ({ body: command({ text: "x".repeat(300_000) }) })],
    ["no JSON", 400, () => ({ body: "{", type: "application/json" })],
    [
      "events without an id",
      400,
      () => ({
        type: "application/json",
        body: JSON.stringify({
          type: "event_callback",
          team_id: team.id,
          api_app_id: app.id,
          event: { type: "reaction_added" },
        }),
      }),
    ],
  ])("%s are refused with %i and leave no trace", async (_what, status, forge) => {
    const before = await stored();
    expect(await send(forge())).toBe(status);
    expect(await stored()).toBe(before);
  });

  it("a captured command cannot be sent again", async () => {
    const body = command({});
    expect(await send({ body })).toBe(200);
    expect(await send({ body })).toBe(409);
    const rows = await world.journal.admin.db.query("select id from journal.command");
    expect(rows).toHaveLength(1);
  });

  it("an event that Slack repeats is acknowledged and stored once", async () => {
    const event = {
      type: "reaction_added",
      user: ids.ann,
      reaction: "tada",
      item: { type: "message", channel: main, ts: "1.1" },
    };
    const body = JSON.stringify({
      type: "event_callback",
      event_id: "Ev1",
      team_id: team.id,
      api_app_id: app.id,
      event,
    });
    const before = await stored();
    for (let n = 0; n < 3; n += 1) expect(await send({ body, type: "application/json" })).toBe(200);
    expect(await stored()).toBe(before + 1);
  });

  it("what is stored holds no bearer URL and no token", async () => {
    const rows = await world.journal.admin.db.query<{ body: string }>("select body::text as body from journal.inbound");
    for (const row of rows) expect(row.body).not.toMatch(/hooks\.slack|response_url|"token"/);
  });

  it("nothing is acknowledged that could not be stored", async () => {
    await world.journal.admin.db.query("alter table journal.inbound rename to inbound_away");
    const status = await send({});
    await world.journal.admin.db.query("alter table journal.inbound_away rename to inbound");
    expect(status).toBe(500);
  });

  it("says how it is, and that other paths do not exist", async () => {
    expect((await fetch(`${world.bot.url}/health`)).status).toBe(200);
    expect((await fetch(`${world.bot.url}/other`)).status).toBe(404);
  });
});
