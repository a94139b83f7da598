import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { ids } from "../../../src/sandbox/slack/cast.ts";
import { faultsSchema, rollFaults } from "../../../src/sandbox/slack/faults.ts";
import { control, facts, openSlack, portOf, refusal } from "./world.ts";

const channel = "C0MIGRATION";
const open: Array<{ stop: () => Promise<void> }> = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

/** A stand-in and an app that takes every event and remembers it. */
async function withListener() {
  const world = await openSlack();
  const events: Array<Record<string, unknown>> = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      events.push(facts.parse(JSON.parse(body)));
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${portOf(server)}/`;
  await world.slack.setRequestUrls({ events: url, commands: url, interactivity: url });
  events.length = 0;
  open.push(world.slack, { stop: () => new Promise((resolve) => server.close(() => resolve())) });
  const say = (text: string) => control(world.slack, "message", { channel, user: "ann", text });
  const texts = () => events.map((each) => facts.parse(each["event"])["text"]);
  const settled = () =>
    waitFor(async () => (await control(world.slack, "state"))["pendingEvents"] === 0, {
      deadlineMs: 8000,
      what: "all deliveries",
      everyMs: 20,
    });
  return { ...world, events, say, texts, settled };
}

describe("faults on demand", () => {
  test("dropped events never come", async () => {
    const { slack, say, settled, events } = await withListener();
    await control(slack, "faults", { dropEvents: 1 });
    await say("lost");
    await control(slack, "faults", {});
    await say("kept");
    await settled();
    expect(events).toHaveLength(1);
  });

  test("repeated events carry one id", async () => {
    const { slack, say, settled, events } = await withListener();
    await control(slack, "faults", { repeatEvents: true });
    await say("twice");
    await settled();
    expect(events).toHaveLength(2);
    expect(events[0]?.["event_id"]).toBe(events[1]?.["event_id"]);
  });

  test("reordered events come after what followed them, and the last one comes all the same", async () => {
    const { slack, say, settled, texts } = await withListener();
    await control(slack, "faults", { reorderEvents: 1, delayEventsMs: 0 });
    await say("first");
    await say("second");
    await say("third");
    await settled();
    expect(texts()).toHaveLength(3);
    expect(texts().indexOf("first")).toBeGreaterThanOrEqual(0);
    expect(texts().at(-1)).toBe("third");
  }, 10_000);

  test("the bot's calls meet 429, 503 and answers that are lost after the act", async () => {
    const { slack, bot } = await withListener();
    const post = () => refusal(bot.chat.postMessage({ channel, text: "x" }));
    await control(slack, "faults", { http429Rate: 1 });
    expect(await post()).toBe("slack_webapi_rate_limited_error");
    await control(slack, "faults", { http5xxRate: 1 });
    expect(await post()).toBe("slack_webapi_http_error");
    const before = (await control(slack, "messages?channel=shop-migration"))["messages"];
    expect(before).toEqual([]);
    await control(slack, "faults", { loseResponses: 1 });
    expect(await post()).toBe("slack_webapi_request_error");
    const after = (await control(slack, "messages?channel=shop-migration"))["messages"];
    expect(after).toHaveLength(1);
  });

  test("reactions.get may cut the people but never the count, and `full` gives them all", async () => {
    const { slack, bot } = await withListener();
    const { ts = "" } = await bot.chat.postMessage({ channel, text: "vote" });
    for (const user of ["ann", "bob", "cyn"]) {
      await control(slack, "reaction", { channel, ts, user, name: "white_check_mark", present: true });
    }
    await control(slack, "faults", { truncateUsers: 1 });
    const cut = await bot.reactions.get({ channel, timestamp: ts });
    expect(cut.message?.reactions?.[0]).toEqual({ name: "white_check_mark", users: [ids.ann], count: 3 });
    const full = await bot.reactions.get({ channel, timestamp: ts, full: true });
    expect(full.message?.reactions?.[0]?.users).toEqual([ids.ann, ids.bob, ids.cyn]);
  });

  test("the same seed gives the same faults", () => {
    const roll = (seed: number) => {
      const faults = rollFaults(faultsSchema.parse({ dropEvents: 0.5, seed }));
      return Array.from({ length: 64 }, () => faults.happens("dropEvents"));
    };
    expect(roll(7)).toEqual(roll(7));
    expect(roll(7)).not.toEqual(roll(8));
  });

  test("a wrong fault is explained, not taken", async () => {
    const { slack } = await withListener();
    const answer = await control(slack, "faults", { dropEvnts: 1 });
    expect(answer["ok"]).toBe(false);
    expect(answer["error"]).toContain("dropEvnts");
  });
});
