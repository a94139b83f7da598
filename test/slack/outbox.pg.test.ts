import { WebClient } from "@slack/web-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock, waitFor } from "../../src/clock.ts";
import { getOutbox, intend, type OutboxRow, postAnew, touchOutbox } from "../../src/journal/outbox.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { startBot } from "../../src/slack/bot.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import {
  askGate,
  beforeWindow,
  type BotWorld,
  main,
  migration,
  openWorld,
  type Shown,
  signingSecret,
} from "./world.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function say(world: BotWorld, key: string, text = key, more: object = {}): Promise<number> {
  const note = { kind: "note", migrationId: migration, key, audience: "main", facts: { text } } as const;
  return intend(world.journal.worker.db, { ...note, ...more });
}

async function rowOf(world: BotWorld, key: string, kind = "note"): Promise<OutboxRow | undefined> {
  return getOutbox(world.journal.admin.db, kind, migration, key);
}

async function untilState(world: BotWorld, key: string, state: OutboxRow["state"]): Promise<OutboxRow> {
  const look = async (): Promise<OutboxRow | undefined> => {
    const row = await rowOf(world, key);
    return row?.state === state ? row : undefined;
  };
  return waitFor(look, { what: `${key} to be ${state}`, deadlineMs: 20_000, everyMs: 50 });
}

const withText = async (world: BotWorld, text: string): Promise<readonly Shown[]> =>
  (await world.messages()).filter((each) => each.text.includes(text));

/** How the stand-in answered calls of a method so far. */
async function answers(world: BotWorld, method: string): Promise<string[]> {
  const response = await fetch(`${world.slack.control}/log`);
  const { log }: { log: { kind: string; name: string; outcome: string }[] } = JSON.parse(await response.text());
  return log.filter((each) => each.kind === "api" && each.name === method).map(({ outcome }) => outcome);
}

describe("a message that Slack may have taken", () => {
  it("is found by its metadata when the answer was lost, and not posted twice", async () => {
    await using world = await openWorld(cluster);
    await world.act("faults", { loseResponses: 1 });
    await say(world, "lost");
    await world.see("the post", (each) => each.text === "lost");
    await world.act("faults", {});
    await untilState(world, "lost", "sent");
    expect(await withText(world, "lost")).toHaveLength(1);
  });

  it("is adopted by the next bot when the last one died before it could note it", async () => {
    await using world = await openWorld(cluster);
    await world.bot.stop();
    const id = await say(world, "orphan");
    const dead = new WebClient("xoxb-test-token", { slackApiUrl: world.slack.apiUrl });
    const payload = { outbox: id, kind: "note", key: "orphan", migration };
    const metadata = { event_type: "drawbridge", event_payload: payload };
    const { ts } = await dead.chat.postMessage({ channel: main, text: "orphan", metadata });
    await world.restart();
    expect((await untilState(world, "orphan", "sent")).messageTs).toBe(ts);
    expect(await withText(world, "orphan")).toHaveLength(1);
  });

  it("is never taken from another app that wrote our metadata under its own message", async () => {
    await using world = await openWorld(cluster);
    await world.bot.stop();
    const id = await say(world, "mine");
    const other = new WebClient(world.slack.people.get(ids.otherBot)?.token.reveal() ?? "", {
      slackApiUrl: world.slack.apiUrl,
    });
    const payload = { outbox: id, kind: "note", key: "mine", migration };
    const metadata = { event_type: "drawbridge", event_payload: payload };
    const { ts } = await other.chat.postMessage({ channel: main, text: "mine, says the other", metadata });
    await world.restart();
    expect((await untilState(world, "mine", "sent")).messageTs).not.toBe(ts);
  });

  it("is sent by one of two bots that run on one journal, each row once", async () => {
    await using world = await openWorld(cluster);
    await using second = await startBot({
      config: world.settings,
      secrets: { signingSecret, botToken: new Secret("xoxb-test-token") },
      journal: world.journal.bot,
      doorbell: { ring: () => Promise.resolve() },
      log: silentLog,
      clock: systemClock,
      port: 0,
    });
    expect(second.port).not.toBe(world.bot.port);
    for (let n = 0; n < 8; n += 1) await say(world, `twin-${n}`);
    for (let n = 0; n < 8; n += 1) await untilState(world, `twin-${n}`, "sent");
    const texts = (await withText(world, "twin-")).map(({ text }) => text);
    expect(texts.toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `twin-${n}`));
  });
});

describe("what Slack refuses", () => {
  it("an archived channel is left alone, said to the driver and to health, and served again when it is mended", async () => {
    await using world = await openWorld(cluster);
    await world.act("channel", { channel: main, is_archived: true });
    for (let n = 0; n < 6; n += 1) await say(world, `waits-${n}`);
    const told = async (): Promise<Shown | undefined> =>
      (await directMessages(world)).find(({ text }) => text.includes("is archived"));
    const direct = await waitFor(told, { what: "the driver to be told", deadlineMs: 15_000, everyMs: 100 });
    expect(direct.text).toContain("unarchive it");
    const health = await (await fetch(`${world.bot.url}/health`)).json();
    expect(health).toMatchObject({ ok: true, troubles: [{ place: main, error: "is_archived" }] });
    // one try finds out for all that wait
    expect((await answers(world, "chat.postMessage")).filter((each) => each === "is_archived")).toHaveLength(1);
    await world.act("channel", { channel: main, is_archived: false });
    await untilState(world, "waits-5", "sent");
    expect(await withText(world, "waits-")).toHaveLength(6);
    const mended = await (await fetch(`${world.bot.url}/health`)).json();
    expect(mended).toEqual({ ok: true, troubles: [] });
  });

  it("blocks: the text goes alone and says everything; every form: the row is given up after one try each", async () => {
    await using world = await openWorld(cluster);
    const refusal = { method: "chat.postMessage", error: "invalid_blocks" };
    await world.act("faults", { refuse: [{ ...refusal, onlyWithBlocks: true }] });
    const long = `whole meaning ${"x".repeat(2_000)}`;
    await say(world, "plain", long);
    await untilState(world, "plain", "sent");
    expect((await withText(world, "whole meaning"))[0]?.text).toBe(long);
    await world.act("faults", { refuse: [{ ...refusal, error: "msg_too_long" }] });
    await say(world, "hopeless");
    await untilState(world, "hopeless", "dead");
    expect((await answers(world, "chat.postMessage")).filter((each) => each === "msg_too_long")).toHaveLength(3);
  });

  it("a deleted card is posted anew and its thread goes on under it; a deleted note stays deleted", async () => {
    await using world = await openWorld(cluster);
    await beforeWindow(world);
    const card = await world.see("the card", ({ metadata }) => metadata?.event_payload["kind"] === "card");
    await say(world, "chatter");
    await untilState(world, "chatter", "sent");
    const [note] = await withText(world, "chatter");
    await world.act("delete-message", { channel: main, ts: note?.ts });
    await world.act("delete-message", { channel: main, ts: card.ts });
    const again = await world.see("the card again", (each) => each.metadata?.event_payload["kind"] === "card");
    expect(again.ts).not.toBe(card.ts);
    await say(world, "below", "below", { audience: "thread" });
    await untilState(world, "below", "sent");
    const shown = await world.messages();
    expect(shown.find(({ ts }) => ts === again.ts)?.replies.map(({ text }) => text)).toEqual(["below"]);
    expect(await withText(world, "chatter")).toEqual([]);
  });
});

describe("where nobody may edit a message any more", () => {
  const isCard = ({ metadata }: Shown): boolean => metadata?.event_payload["kind"] === "card";

  /** A card that was sent two minutes ago. */
  async function oldCard(world: BotWorld): Promise<Shown> {
    await beforeWindow(world);
    const card = await world.see("the card", isCard);
    await waitFor(async () => (await rowOf(world, "card", "card"))?.state === "sent", {
      what: "the card's row",
      deadlineMs: 20_000,
    });
    const sql = "update journal.outbox set sent_at = sent_at - interval '2 minutes' where kind = 'card'";
    await world.journal.admin.db.query(sql);
    return card;
  }

  async function untilCardIsNot(world: BotWorld, old: string): Promise<OutboxRow> {
    const look = async (): Promise<OutboxRow | undefined> => {
      const row = await rowOf(world, "card", "card");
      return row?.state === "sent" && row.messageTs !== old ? row : undefined;
    };
    return waitFor(look, { what: "a new card, sent", deadlineMs: 20_000, everyMs: 50 });
  }

  it.each([
    ["the bot that posted it", false],
    ["a bot that was restarted since", true],
  ])("a card that moves is one new message, for %s", async (_who, restarted) => {
    await using world = await openWorld(cluster);
    const card = await oldCard(world);
    if (restarted) await world.restart();
    await world.act("faults", { refuse: [{ method: "chat.update", error: "edit_window_closed" }] });
    await touchOutbox(world.journal.worker.db, "card", migration, "card");
    const row = await untilCardIsNot(world, card.ts);
    const fresh = (await world.messages()).filter((each) => isCard(each) && each.ts !== card.ts);
    expect(fresh.map(({ ts }) => ts)).toEqual([row.messageTs]);
    // whatever is asked for next goes to the new one
    await world.act("faults", {});
    await touchOutbox(world.journal.worker.db, "card", migration, "card");
    await say(world, "below", "below", { audience: "thread" });
    await untilState(world, "below", "sent");
    const shown = await world.messages();
    expect(shown.filter(isCard)).toHaveLength(2);
    expect(shown.find(({ ts }) => ts === row.messageTs)?.replies).toHaveLength(1);
  });

  it("the new message is found although the bot died before it could note it, and the old one is not taken for it", async () => {
    await using world = await openWorld(cluster);
    const card = await oldCard(world);
    await world.bot.stop();
    const { id } = (await rowOf(world, "card", "card")) ?? { id: 0 };
    await postAnew(world.journal.bot.db, id, card.ts);
    const dead = new WebClient("xoxb-test-token", { slackApiUrl: world.slack.apiUrl });
    const metadata = { event_type: "drawbridge", event_payload: { outbox: id, kind: "card", key: "card", migration } };
    const { ts } = await dead.chat.postMessage({ channel: main, text: "the card", metadata });
    await world.restart();
    expect((await untilCardIsNot(world, card.ts)).messageTs).toBe(ts);
    expect((await world.messages()).filter(isCard)).toHaveLength(2);
  });
});

describe("order and speed", () => {
  it("what somebody was told privately is not said again when its words change", async () => {
    await using world = await openWorld(cluster);
    const aside = { audience: "person", person: ids.greg };
    await say(world, "aside", "Ann or Bob can", aside);
    await untilState(world, "aside", "sent");
    await say(world, "aside", "Bob can", aside);
    await say(world, "later");
    await untilState(world, "later", "sent");
    expect((await untilState(world, "aside", "sent")).sentRevision).toBe(2);
    expect((await withText(world, "can")).map(({ text }) => text)).toEqual(["Ann or Bob can"]);
  });

  it("the latest state wins: forty changes in a moment become few edits", async () => {
    await using world = await openWorld(cluster);
    for (let n = 0; n <= 40; n += 1) await say(world, "card-like", `state ${n} of 40`);
    const last = await world.see("the last state", (each) => each.text === "state 40 of 40");
    expect(last.edits).toBeLessThan(3);
    expect(await withText(world, "of 40")).toHaveLength(1);
  });

  it("a gate does not wait behind a hundred answers and as much chatter", async () => {
    await using world = await openWorld(cluster);
    for (let n = 0; n < 100; n += 1) {
      await say(world, `answer-${n}`, `answer ${n}`, { audience: "person", person: ids.greg, priority: 2 });
      await say(world, `chatter-${n}`, `chatter ${n}`, { priority: 6 });
    }
    await waitFor(async () => (await withText(world, "answer ")).length > 2, { what: "answers", deadlineMs: 9_000 });
    const windowId = await beforeWindow(world);
    const askedAt = Date.now();
    await askGate(world, windowId, "maintenance");
    await world.see("the gate", (each) => each.text.includes("Approve: switch"));
    expect(Date.now() - askedAt).toBeLessThan(4_000);
    expect((await rowOf(world, "chatter-99"))?.state).toBe("pending");
  });
});

/** What the driver and the bot have said to each other. */
async function directMessages(world: BotWorld): Promise<readonly Shown[]> {
  const found = [...world.slack.channels.values()].find(({ isIm, members }) => isIm && members.has(ids.greg));
  return found === undefined ? [] : world.messages(found.id);
}
