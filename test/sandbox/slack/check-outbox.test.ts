import { describe, expect, test } from "vitest";
import { compareOutbox, type IntendedMessage } from "../../../src/sandbox/slack/check-outbox.ts";
import { openSlack } from "./world.ts";

const channel = "C0MIGRATION";

function row(change: Partial<IntendedMessage>): IntendedMessage {
  const plain = { id: 1, kind: "note", key: "k", audience: "main", state: "sent" };
  return { ...plain, channel, messageTs: undefined, error: undefined, ...change };
}

async function withPosts(ids: readonly number[], deleted: readonly number[] = []) {
  const { slack, bot } = await openSlack();
  const stamps: string[] = [];
  for (const [at, outbox] of ids.entries()) {
    const metadata = { event_type: "drawbridge", event_payload: { outbox } };
    const { ts = "" } = await bot.chat.postMessage({ channel, text: "x", metadata });
    if (deleted.includes(at)) await bot.chat.delete({ channel, ts });
    stamps.push(ts);
  }
  await slack.stop();
  return { ws: slack.workspace, stamps };
}

describe("what the outbox wanted and what Slack holds", () => {
  test("agree when each message stands once, a deleted card again, and a deleted note no more", async () => {
    const { ws, stamps } = await withPosts([1, 2, 2, 3], [1, 3]);
    const rows = [
      row({ id: 1, messageTs: stamps[0] }),
      row({ id: 2, kind: "card", messageTs: stamps[2] }),
      row({ id: 3, messageTs: stamps[3] }),
      row({ id: 4, state: "dead", error: "there is nothing to say any more" }),
    ];
    expect(compareOutbox(ws, rows)).toEqual([]);
  });

  test("agree when a note was posted again whose answer was lost and which was deleted before anybody could find it", async () => {
    const { ws, stamps } = await withPosts([1, 1, 2, 2], [0, 2]);
    const rows = [row({ id: 1, messageTs: stamps[1] }), row({ id: 2, messageTs: stamps[3] })];
    const lost = ws.channels.get(channel)?.messages.find(({ ts }) => ts === stamps[0]);
    if (lost) lost.answerLost = true;
    // of the other one the bot knew
    expect(compareOutbox(ws, rows)).toEqual(["outbox 2 (note k): was posted 2 times"]);
  });

  test("differ by a double, a stray, a missing, an unsent and a dead message, and by a card that was not posted again", async () => {
    const { ws, stamps } = await withPosts([1, 1, 7, 5], [3]);
    const rows = [
      row({ id: 1, messageTs: stamps[0] }),
      row({ id: 2, messageTs: "1.1" }),
      row({ id: 3, state: "pending", error: "rate limited" }),
      row({ id: 4, state: "dead", error: "invalid_blocks" }),
      row({ id: 5, kind: "card", messageTs: stamps[3] }),
      row({ id: 6, audience: "person", messageTs: "1.1" }),
    ];
    const found = compareOutbox(ws, rows).join("\n");
    for (const words of [
      "outbox 7: a message without a row",
      "outbox 1 (note k): stands 2 times",
      "outbox 2 (note k): is missing",
      "outbox 3 (note k): was not sent, rate limited",
      "outbox 4 (note k): given up, invalid_blocks",
      "outbox 5 (card k): is missing",
      "outbox 6 (note k): is missing",
    ])
      expect(found).toContain(words);
  });
});
