import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAttestation } from "../../src/approvals/attestation.ts";
import { waitFor } from "../../src/clock.ts";
import { getApproval } from "../../src/journal/approvals-rows.ts";
import { readAttestation } from "../../src/journal/claims.ts";
import { answerCommand, pendingCommands } from "../../src/journal/commands.ts";
import { intend } from "../../src/journal/outbox.ts";
import { votesOn } from "../../src/journal/votes.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { askGate, beforeWindow, type BotWorld, main, migration, openWorld } from "./world.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const seeded = (reactions: readonly { readonly name: string }[]): boolean => reactions.length === 2;

async function openedGate(world: BotWorld, expiresInMs?: number): Promise<{ id: string; ts: string }> {
  const windowId = await beforeWindow(world);
  const id = await askGate(world, windowId, "maintenance", expiresInMs);
  const card = await world.see(
    "the gate with both emoji",
    (each) => each.text.includes("Approve: switch") && seeded(each.reactions),
  );
  await expectState(world, id, "PENDING");
  return { id, ts: card.ts };
}

async function expectState(world: BotWorld, id: string, state: string): Promise<void> {
  const look = async (): Promise<boolean> => (await getApproval(world.journal.admin.db, id))?.state === state;
  await waitFor(look, { what: `${id} to be ${state}`, deadlineMs: 15_000, everyMs: 50 });
}

describe("approvals by reactions", () => {
  it("two eligible people arm a gate; the requester is told why not, once and privately", async () => {
    await using world = await openWorld(cluster);
    const { id, ts } = await openedGate(world);
    await world.react(ids.greg, ts, "white_check_mark");
    const hint = await world.see("the hint", (each) => each.ephemeralTo === ids.greg);
    expect(hint.text).toContain("You asked for this window, so your ✅ is not counted. Ann, Bob or Cyn can.");
    await world.react(ids.ann, ts, "white_check_mark");
    await world.see("Ann on the card", (each) => each.ts === ts && each.text.includes("✅ Ann"));
    expect((await getApproval(world.journal.admin.db, id))?.state).toBe("PENDING");
    await world.react(ids.bob, ts, "white_check_mark");
    await expectState(world, id, "ARMED");
    await world.react(ids.bob, ts, "white_check_mark", false);
    await expectState(world, id, "PENDING");
    await world.react(ids.greg, ts, "white_check_mark", false);
    await world.react(ids.greg, ts, "white_check_mark");
    await world.react(ids.bob, ts, "white_check_mark");
    await expectState(world, id, "ARMED");
    expect((await world.messages()).filter((each) => each.ephemeralTo === ids.greg)).toHaveLength(1);
  });

  it("guests, externals and look-alikes do not count; a veto is final", async () => {
    await using world = await openWorld(cluster);
    const { id, ts } = await openedGate(world);
    for (const user of [ids.guest, ids.external, ids.otherBot]) await world.react(user, ts, "white_check_mark");
    await world.react(ids.ann, ts, "heavy_check_mark");
    await world.see(
      "the look-alike's hint",
      (each) => each.ephemeralTo === ids.ann && each.text.includes("another emoji"),
    );
    await world.react(ids.bob, ts, "no_entry");
    await expectState(world, id, "DENIED");
    await world.react(ids.bob, ts, "no_entry", false);
    await world.react(ids.bob, ts, "white_check_mark");
    await world.react(ids.cyn, ts, "white_check_mark");
    await world.see(
      "the outcome",
      (each) => each.ts === ts && each.text.includes("Stopped") && each.text.includes("Bob"),
    );
    expect((await getApproval(world.journal.admin.db, id))?.state).toBe("DENIED");
  });

  it("lost events do not matter: a restarted bot reads what stands", async () => {
    await using world = await openWorld(cluster);
    const { id, ts } = await openedGate(world);
    await world.act("faults", { dropEvents: true });
    await world.react(ids.ann, ts, "white_check_mark");
    await world
      .react(ids.bob, ts, "white_check_mark::skin-tone-3")
      .catch(() => world.react(ids.bob, ts, "white_check_mark"));
    await world.restart();
    await expectState(world, id, "ARMED");
  });

  it("a deleted message voids, silence expires", async () => {
    await using world = await openWorld(cluster);
    const { id, ts } = await openedGate(world);
    await world.act("delete-message", { channel: main, ts });
    await expectState(world, id, "VOIDED");
    const late = await askGate(world, Number(id.split("-").at(-1)), "promote", 2_500);
    await expectState(world, late, "EXPIRED");
  });

  it("of people who have left the channel no longer count", async () => {
    await using world = await openWorld(cluster);
    const { id, ts } = await openedGate(world);
    await world.react(ids.ann, ts, "white_check_mark");
    await world.react(ids.bob, ts, "white_check_mark");
    await expectState(world, id, "ARMED");
    await world.act("channel", { channel: main, remove: [ids.ann] });
    // the next look at the gate, whatever led to it
    await world.react(ids.cyn, ts, "thumbsup");
    await expectState(world, id, "PENDING");
    expect(await votesOn(world.journal.admin.db, [id])).toContainEqual(
      expect.objectContaining({ person: "ann", eligible: false, reason: "not-in-channel" }),
    );
  });

  it("attests what Slack says when the worker asks, and keeps votes whose events were lost", async () => {
    await using world = await openWorld(cluster);
    const { id, ts } = await openedGate(world);
    await world.act("faults", { dropEvents: true });
    await world.react(ids.ann, ts, "white_check_mark");
    await world.journal.admin.db.query(
      "insert into journal.claim_request (nonce, migration_id, approvals, epoch) values ('n1', $1, $2, 1)",
      [migration, [id]],
    );
    const attested = await waitFor(() => readAttestation(world.journal.worker.db, "n1"), {
      what: "attestation",
      deadlineMs: 8_000,
    });
    const [facts] = parseAttestation(attested.facts);
    expect(facts).toMatchObject({ id, messageGone: false, channelShared: false });
    expect(facts?.reactions).toContainEqual({ slackUser: ids.ann, name: "white_check_mark", standing: true });
    expect(facts?.people[ids.ann]).toMatchObject({ isBot: false, deleted: false });
    expect(await votesOn(world.journal.admin.db, [id])).toMatchObject([
      { person: "ann", decision: "approve", eligible: true, withdrawnAt: undefined },
    ]);
  });
});

describe("commands", () => {
  it("are stored, rung for and acknowledged; the worker's answer reaches the person", async () => {
    await using world = await openWorld(cluster);
    await world.act("command", { channel: main, user: ids.greg, text: "/migrate check" });
    const [command] = await pendingCommands(world.journal.worker.db);
    expect(command).toMatchObject({ verb: "check", person: "greg", slackUser: ids.greg, migrationId: migration });
    expect(world.rings).toContain(`${migration} commands commands`);
    await world.see("the acknowledgement", (each) => each.ephemeralTo === ids.greg && each.text.includes("is taken"));
    await answerCommand(world.journal.worker.db, command?.id ?? 0, { text: "0 blockers & 2 <warnings>" });
    const reply = await world.see("the answer", (each) => each.text.includes("blockers"));
    expect(reply).toMatchObject({ ephemeralTo: ids.greg, text: "0 blockers &amp; 2 &lt;warnings&gt;" });
  });

  it("of those who may not are refused, and say who may", async () => {
    await using world = await openWorld(cluster);
    await world.act("command", { channel: main, user: ids.dana, text: "/migrate go" });
    await world.see("the refusal", (each) => each.ephemeralTo === ids.dana && each.text.includes("is for Greg"));
    await world.act("command", { channel: main, user: ids.dana, text: "/migrate strat" });
    await world.see("the suggestion", (each) => each.text.includes("did you mean `/migrate start`"));
    expect(await pendingCommands(world.journal.worker.db)).toEqual([]);
    await beforeWindow(world);
    await world.act("command", { channel: main, user: ids.dana, text: "/migrate status" });
    await world.see("the status", (each) => each.ephemeralTo === ids.dana && each.text.includes("moves to RDS"));
  });
});

describe("the outbox", () => {
  it("posts once although Slack's answers are lost, and edits the card in place", async () => {
    await using world = await openWorld(cluster);
    await world.act("faults", { loseResponses: 0.4, seed: 7 });
    await beforeWindow(world);
    const { db } = world.journal.worker;
    for (const n of [1, 2, 3]) {
      await intend(db, {
        kind: "note",
        migrationId: migration,
        key: `n${n}`,
        audience: "thread",
        facts: { text: `note ${n} <!channel>` },
      });
    }
    const card = await waitFor(async () => (await world.messages()).find((each) => each.replies.length >= 3), {
      what: "three notes",
      deadlineMs: 40_000,
    });
    await world.act("faults", {});
    const pending = async (): Promise<boolean> => {
      const [row] = await db.query<{ n: number }>(
        "select count(*)::int as n from journal.outbox where state = 'pending' and kind <> 'card'",
      );
      return row?.n === 0;
    };
    await waitFor(pending, { what: "an empty outbox", deadlineMs: 40_000 });
    const top = (await world.messages()).filter((each) => each.ephemeralTo === undefined);
    const now = top.find((each) => each.ts === card.ts);
    expect(now?.replies.map((each) => each.text).toSorted()).toEqual(
      [1, 2, 3].map((n) => `note ${n} &lt;!channel&gt;`),
    );
    const keys = top.map((each) => JSON.stringify(each.metadata?.event_payload["outbox"]));
    expect(new Set(keys).size).toBe(keys.length);
    expect(now?.text).toContain("shop-production moves to RDS");
  });
});
