import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultPeople, ids, app } from "../../../src/sandbox/slack/cast.ts";
import { client, control, openSlack, refusal } from "./world.ts";

const channel = "C0MIGRATION";
const generous = {
  postsPerSecondPerChannel: 1000,
  postBurst: 1000,
  perMinute: { tier2: 6000, tier3: 6000, tier4: 6000, special: 6000 },
};
let world: Awaited<ReturnType<typeof openSlack>>;
beforeAll(async () => {
  world = await openSlack({ rates: generous });
});
afterAll(() => world.slack.stop());

async function post(text = "hello"): Promise<string> {
  const { ts } = await world.bot.chat.postMessage({ channel, text });
  return ts ?? "";
}

describe("posting and editing", () => {
  test("a message keeps its text, blocks, thread and metadata, and gives metadata back only on request", async () => {
    const { bot } = world;
    const metadata = { event_type: "drawbridge_outbox", event_payload: { id: "42" } };
    const blocks = [{ type: "section" as const, text: { type: "mrkdwn" as const, text: "*bold*" } }];
    const posted = await bot.chat.postMessage({ channel, text: "with blocks", blocks, metadata });
    const reply = await bot.chat.postMessage({ channel, text: "in the thread", thread_ts: posted.ts ?? "" });
    const plain = await bot.conversations.history({ channel, limit: 1 });
    const full = await bot.conversations.history({ channel, limit: 1, include_all_metadata: true });
    expect(plain.messages?.[0]).toMatchObject({ ts: posted.ts, text: "with blocks", reply_count: 1 });
    expect(plain.messages?.[0]?.metadata).toBeUndefined();
    expect(full.messages?.[0]?.metadata).toEqual(metadata);
    const thread = await bot.conversations.replies({ channel, ts: posted.ts ?? "" });
    expect(thread.messages?.map((each) => each.ts)).toEqual([posted.ts, reply.ts]);
  });

  test("an edit with blocks shows no flag, one without does, removes the blocks and keeps the metadata", async () => {
    const { bot } = world;
    const metadata = { event_type: "card", event_payload: { n: 1 } };
    const { ts = "" } = await bot.chat.postMessage({ channel, text: "one", metadata });
    const blocks = [{ type: "divider" as const }];
    await bot.chat.update({ channel, ts, text: "two", blocks });
    const first = await bot.conversations.history({ channel, limit: 1 });
    expect(first.messages?.[0]?.edited).toBeUndefined();
    expect(first.messages?.[0]?.blocks).toHaveLength(1);
    await bot.chat.update({ channel, ts, text: "three" });
    const second = await bot.conversations.history({ channel, limit: 1, include_all_metadata: true });
    expect(second.messages?.[0]).toMatchObject({ text: "three", edited: { user: app.botUserId }, metadata });
    expect(second.messages?.[0]?.blocks).toBeUndefined();
  });

  test("history pages with a cursor and is bounded by time", async () => {
    const { bot } = world;
    const all = [await post("p1"), await post("p2"), await post("p3")];
    const first = await bot.conversations.history({ channel, limit: 2 });
    const cursor = first.response_metadata?.next_cursor ?? "";
    const rest = await bot.conversations.history({ channel, limit: 1, cursor });
    expect([...(first.messages ?? []), ...(rest.messages ?? [])].map((each) => each.ts)).toEqual(all.toReversed());
    const since = await bot.conversations.history({ channel, oldest: all[1] ?? "", inclusive: true });
    expect(since.messages?.map((each) => each.text)).toEqual(["p3", "p2"]);
  });

  test("a picture uploaded through the SDK is shown in the channel", async () => {
    const png = Buffer.from("iVBORw0KGgo=", "base64");
    await world.bot.filesUploadV2({
      channel_id: channel,
      file: png,
      filename: "lag.png",
      alt_text: "lag 2 s",
      title: "Lag",
    });
    const { messages } = await world.bot.conversations.history({ channel, limit: 1 });
    const url = messages?.[0]?.files?.[0]?.url_private ?? "";
    expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(png);
  });
});

describe("refusals", () => {
  const long = (length: number) => "x".repeat(length);
  const section = (text: string) => ({ type: "section" as const, text: { type: "mrkdwn" as const, text } });

  test.each([
    ["no text and no blocks", { channel, text: "" }, "no_text"],
    ["an unknown channel", { channel: "C0NOWHERE00", text: "x" }, "channel_not_found"],
    ["a channel without the bot", { channel: "C0RANDOM000", text: "x" }, "not_in_channel"],
    ["51 blocks", { channel, text: "x", blocks: Array.from({ length: 51 }, () => section("x")) }, "invalid_blocks"],
    ["a section of 3001 characters", { channel, text: "x", blocks: [section(long(3001))] }, "invalid_blocks"],
    [
      "a header of 151 characters",
      {
        channel,
        text: "x",
        blocks: [{ type: "header" as const, text: { type: "plain_text" as const, text: long(151) } }],
      },
      "invalid_blocks",
    ],
    ["a thread that is not there", { channel, text: "x", thread_ts: "1.000001" }, "thread_not_found"],
  ])("a post with %s", async (_name, args, error) => {
    expect(await refusal(world.bot.chat.postMessage(args))).toBe(error);
  });

  test("metadata without a payload", async () => {
    const call = world.bot.apiCall("chat.postMessage", { channel, text: "x", metadata: { event_type: "x" } });
    expect(await refusal(call)).toBe("invalid_metadata_schema");
  });

  test("an update that is too long, of another's message, or of one that is gone", async () => {
    const { bot, slack } = world;
    const ts = await post();
    expect(await refusal(bot.chat.update({ channel, ts, text: long(4001) }))).toBe("msg_too_long");
    const other = await control(slack, "message", { channel, user: "ann", text: "mine" });
    expect(await refusal(bot.chat.update({ channel, ts: String(other["ts"]), text: "x" }))).toBe("cant_update_message");
    expect(await refusal(bot.chat.delete({ channel, ts: String(other["ts"]) }))).toBe("cant_delete_message");
    await bot.chat.delete({ channel, ts });
    expect(await refusal(bot.chat.update({ channel, ts, text: "x" }))).toBe("message_not_found");
    expect(await refusal(bot.reactions.get({ channel, timestamp: ts, full: true }))).toBe("message_not_found");
  });

  test("reactions: unknown names, doubles, and taking back what is not there", async () => {
    const { bot } = world;
    const timestamp = await post();
    const at = { channel, timestamp };
    expect(await refusal(bot.reactions.add({ ...at, name: "no_such_emoji" }))).toBe("invalid_name");
    expect(await refusal(bot.reactions.add({ ...at, name: "no_entry::skin-tone-2" }))).toBe("invalid_name");
    expect(await refusal(bot.reactions.add({ ...at, name: "white_check_mark" }))).toBe("ok");
    expect(await refusal(bot.reactions.add({ ...at, name: "white_check_mark" }))).toBe("already_reacted");
    expect(await refusal(bot.reactions.remove({ ...at, name: "eyes" }))).toBe("no_reaction");
  });

  test("tokens: none, unknown, of a deactivated person; scopes that were not given; unknown methods", async () => {
    const { slack, keys } = world;
    const bare = await fetch(`${slack.apiUrl}auth.test`, { method: "POST" });
    expect(await bare.json()).toEqual({ ok: false, error: "not_authed" });
    const { signingSecret } = keys;
    expect(await refusal(client(slack, signingSecret).auth.test())).toBe("invalid_auth");
    const ann = defaultPeople().find((each) => each.id === ids.ann);
    if (ann === undefined) throw new Error("no Ann");
    expect((await client(slack, ann.token).auth.test()).user_id).toBe(ids.ann);
    expect(await refusal(world.bot.apiCall("chat.scheduleMessage"))).toBe("unknown_method");
    const scopes = app.scopes.filter((each) => each !== "reactions:read");
    const poor = await openSlack({ app: { ...app, scopes } });
    try {
      expect(await refusal(poor.bot.reactions.get({ channel, timestamp: "1.1" }))).toBe("missing_scope");
      await control(poor.slack, "person", { user: "drawbridge", deleted: true });
      expect(await refusal(poor.bot.auth.test())).toBe("account_inactive");
    } finally {
      await poor.slack.stop();
    }
  });

  test("an archived channel takes no posts, and a private one is not there for those outside", async () => {
    const secret = { id: "C0SECRET000", name: "secret", isPrivate: true, members: [ids.ann] };
    const old = { id: "C0OLD000000", name: "old", isArchived: true, members: [ids.drawbridge] };
    const other = await openSlack({ channels: [secret, old] });
    try {
      expect(await refusal(other.bot.conversations.info({ channel: secret.id }))).toBe("channel_not_found");
      expect(await refusal(other.bot.chat.postMessage({ channel: old.id, text: "x" }))).toBe("is_archived");
    } finally {
      await other.slack.stop();
    }
  });

  test("more than a message a second in one channel is answered with 429 after a burst, another channel is not", async () => {
    const slow = await openSlack();
    try {
      for (let n = 0; n < 5; n += 1) await slow.bot.chat.postMessage({ channel, text: `${n}` });
      const answer = await fetch(`${slow.slack.apiUrl}chat.postMessage`, {
        method: "POST",
        headers: { authorization: `Bearer ${slow.keys.botToken.reveal()}` },
        body: new URLSearchParams({ channel, text: "too much" }),
      });
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
      expect(await refusal(slow.bot.chat.postMessage({ channel: "C0COMMS0000", text: "x" }))).toBe("ok");
    } finally {
      await slow.slack.stop();
    }
  });
});

describe("people", () => {
  test("users.info tells guests, bots, externals and the deactivated apart as Slack does", async () => {
    const { bot, slack } = world;
    const of = async (user: string) => (await bot.users.info({ user })).user;
    expect(await of(ids.ann)).toMatchObject({
      deleted: false,
      is_bot: false,
      is_restricted: false,
      team_id: "T0DRAWBRDG",
    });
    expect(await of(ids.guest)).toMatchObject({ is_restricted: true });
    expect(await of(ids.otherBot)).toMatchObject({ is_bot: true });
    expect((await of(ids.external))?.team_id).not.toBe("T0DRAWBRDG");
    expect(await of("USLACKBOT")).toMatchObject({ is_bot: false });
    await control(slack, "person", { user: "cyn", deleted: true });
    expect(await of(ids.cyn)).toMatchObject({ deleted: true });
    await control(slack, "person", { user: "cyn", deleted: false });
    expect(await refusal(bot.users.info({ user: "U0NOBODY" }))).toBe("user_not_found");
    const group = await bot.usergroups.users.list({ usergroup: "S0APPROVERS" });
    expect(group.users).toEqual([ids.ann, ids.bob, ids.cyn]);
  });
});
