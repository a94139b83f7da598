import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { ids } from "../../../src/sandbox/slack/cast.ts";
import { control, facts, factsList, openBolt, openSlack, portOf } from "./world.ts";

const channel = "C0MIGRATION";
let world: Awaited<ReturnType<typeof openSlack>>;
let bolt: Awaited<ReturnType<typeof openBolt>>;
const seen: Array<{ readonly type: string; readonly id: string; readonly facts: Record<string, unknown> }> = [];
const of = (type: string) => seen.filter((each) => each.type === type);
let failures = 0;

beforeAll(async () => {
  world = await openSlack({ retryDelaysMs: [10, 20, 30] });
  bolt = await openBolt(world.slack, world.keys);
  bolt.app.use(async ({ body, payload, next }) => {
    const id: unknown = Reflect.get(body, "event_id");
    if (typeof id === "string") seen.push({ type: String(Reflect.get(payload, "type")), id, facts: { ...payload } });
    await next();
  });
  bolt.app.event("reaction_added", () => Promise.resolve());
  bolt.app.command("/migrate", async ({ ack, command, respond }) => {
    if (command.text === "silence") return;
    await ack({ text: `got *${command.text}* from <@${command.user_id}>` });
    if (command.text === "later") await respond("this came later");
  });
  bolt.app.action("details", async ({ ack, body, client }) => {
    await ack();
    const view = {
      type: "modal" as const,
      title: { type: "plain_text" as const, text: "Details" },
      blocks: [{ type: "divider" as const }],
    };
    if ("trigger_id" in body) await client.views.open({ trigger_id: body.trigger_id, view });
  });
});
afterAll(async () => {
  await bolt.stop();
  await world.slack.stop();
});

const messages = async () => {
  const { messages: list } = await control(world.slack, `messages?channel=shop-migration`);
  return factsList.parse(list);
};

describe("events", () => {
  test("Bolt answers the URL verification and takes a person's reaction as signed by Slack", async () => {
    expect(bolt.verified).toBe(true);
    const { ts = "" } = await world.bot.chat.postMessage({ channel, text: "approve?" });
    await control(world.slack, "reaction", {
      channel: "shop-migration",
      ts,
      user: "ann",
      name: "white_check_mark",
      present: true,
    });
    const event = await waitFor(() => of("reaction_added")[0], { deadlineMs: 5000, what: "the reaction" });
    const item = { type: "message", channel, ts };
    expect(event.facts).toMatchObject({ user: ids.ann, reaction: "white_check_mark", item, item_user: ids.drawbridge });
    const got = await world.bot.reactions.get({ channel, timestamp: ts, full: true });
    expect(got.message?.reactions).toEqual([{ name: "white_check_mark", users: [ids.ann], count: 1 }]);
    await control(world.slack, "reaction", { channel, ts, user: ids.ann, name: "white_check_mark", present: false });
    await waitFor(() => of("reaction_removed").length === 1, { deadlineMs: 5000, what: "the removal" });
  });

  test("deleting the bot's message by an administrator is told with its ts", async () => {
    const { ts = "" } = await world.bot.chat.postMessage({ channel, text: "will be deleted" });
    await control(world.slack, "delete-message", { channel, ts, user: "greg" });
    const event = await waitFor(() => seen.find((each) => each.facts["subtype"] === "message_deleted"), {
      deadlineMs: 5000,
      what: "the deletion",
    });
    expect(event.facts["deleted_ts"]).toBe(ts);
  });

  test("a request signed with another secret is refused by Bolt", async () => {
    const answer = await fetch(bolt.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-slack-request-timestamp": String(Math.floor(Date.now() / 1000)),
        "x-slack-signature": `v0=${"0".repeat(64)}`,
      },
      body: "{}",
    });
    expect(answer.status).toBe(401);
  });
});

describe("slash commands and clicks", () => {
  test("a command reaches the app, and its answer is seen by that person alone", async () => {
    const outcome = await control(world.slack, "command", { channel, user: "greg", text: "/migrate status" });
    expect(outcome).toMatchObject({ ok: true, outcome: "acknowledged", status: 200 });
    const answer = (await messages()).findLast((each) => each["ephemeralTo"] === ids.greg);
    expect(answer).toMatchObject({ text: `got *status* from <@${ids.greg}>`, plain: "got status from @Greg" });
    const history = await world.bot.conversations.history({ channel, limit: 5 });
    expect(history.messages?.some((each) => each.text?.startsWith("got"))).toBe(false);
  });

  test("a later answer comes through the response_url", async () => {
    await control(world.slack, "command", { channel, user: "ann", text: "/migrate later" });
    const said = await waitFor(async () => (await messages()).find((each) => each["text"] === "this came later"), {
      deadlineMs: 5000,
      what: "the answer",
    });
    expect(said["ephemeralTo"]).toBe(ids.ann);
  });

  test("a command that is not acknowledged ends in operation_timeout before the person's eyes", async () => {
    const outcome = await control(world.slack, "command", { channel, user: "bob", text: "/migrate silence" });
    expect(outcome["outcome"]).toBe("operation_timeout");
    const complaint = (await messages()).findLast((each) => each["ephemeralTo"] === ids.bob);
    expect(complaint?.["text"]).toContain("operation_timeout");
  }, 10_000);

  test.each([
    ["eve", "/migrate status", "other organisations"],
    ["deploybot", "/migrate status", "bots"],
    ["greg", "/deploy", "not a valid command"],
    ["nobody", "/migrate", "no such user"],
  ])("%s cannot run %s", async (user, text, why) => {
    const outcome = await control(world.slack, "command", { channel, user, text });
    expect(outcome["ok"]).toBe(false);
    expect(outcome["error"]).toContain(why);
  });

  test("a button opens a view for the one who pressed it", async () => {
    const button = {
      type: "button" as const,
      action_id: "details",
      text: { type: "plain_text" as const, text: "Details" },
    };
    const blocks = [{ type: "actions" as const, elements: [button] }];
    const { ts = "" } = await world.bot.chat.postMessage({ channel, text: "card", blocks });
    const outcome = await control(world.slack, "interact", { channel, ts, user: "dana", action_id: "details" });
    expect(outcome).toMatchObject({ ok: true, outcome: "acknowledged" });
    const view = await waitFor(
      async () => {
        const { views } = await control(world.slack, "state");
        return factsList.parse(views).find((each) => each["user"] === ids.dana);
      },
      { deadlineMs: 5000, what: "the view" },
    );
    expect(view["title"]).toBe("Details");
  });
});

describe("delivery", () => {
  test("an event that is not taken is sent again with the same id, a count and a reason", async () => {
    const heads: Array<Record<string, unknown>> = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const { event_id: id, challenge } = facts.parse(JSON.parse(body));
        if (challenge !== undefined) return void response.end(JSON.stringify({ challenge }));
        heads.push({ id, num: request.headers["x-slack-retry-num"], why: request.headers["x-slack-retry-reason"] });
        failures += 1;
        response.writeHead(failures < 3 ? 500 : 200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${portOf(server)}/`;
    const second = await openSlack({ retryDelaysMs: [10, 10, 10] });
    try {
      await second.slack.setRequestUrls({ events: url, commands: url, interactivity: url });
      await control(second.slack, "message", { channel, user: "ann", text: "hi" });
      await waitFor(() => heads.length === 3, { deadlineMs: 5000, what: "three tries" });
      expect(new Set(heads.map((each) => each["id"])).size).toBe(1);
      expect(heads.map((each) => each["num"])).toEqual([undefined, "1", "2"]);
      expect(heads[1]?.["why"]).toBe("http_error");
    } finally {
      await second.slack.stop();
      server.close();
    }
  });
});
