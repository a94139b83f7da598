import { beforeAll, expect, test } from "vitest";
import { approvalsOf, getApproval } from "../../src/journal/approvals-rows.ts";
import { addRequester } from "../../src/journal/migrations.ts";
import { takeSnapshot } from "../../src/report/snapshot.ts";
import { prepareHistory } from "../properties/history.ts";
import { askForWindow, botLooks, openWorld, restartBot, store, type World } from "../properties/world.ts";
import { journalOfFile } from "../support/journal-of-file.ts";

const { journal } = await journalOfFile();
let made = 0;

beforeAll(async () => {
  await prepareHistory(journal.admin);
});

const minutes = (n: number): number => n * 60_000;

/** A window whose gates, as many, wait for votes for half an hour from now on. */
async function asking(gates: 1 | 2 | 3): Promise<World> {
  const world = await openWorld(journal, ++made, { gates, withGroup: false, events: [] });
  await askForWindow(world);
  await botLooks(world);
  return world;
}

async function intended(world: World, ...kinds: readonly string[]): Promise<string[]> {
  const rows = await journal.bot.query<{ what: string }>(
    `select concat_ws(' ', kind, facts ->> 'moment', person) as what from journal.outbox
     where migration_id = $1 and kind = any ($2) order by id`,
    [world.id, kinds],
  );
  return rows.map(({ what }) => what);
}

async function react(
  world: World,
  who: "UANN" | "UANN2" | "UBOB" | "UCYN" | "UGREG" | "UGREG2",
  emoji = "white_check_mark",
): Promise<void> {
  for (const { ts = "" } of world.truth.gates) {
    const card = world.truth.slack.cards.get(ts);
    card?.reactions.set(emoji, (card.reactions.get(emoji) ?? new Set()).add(who));
    await store(world, { id: `${world.id}-${++world.posted}`, ts, who, emoji, on: true });
  }
  await botLooks(world);
}

test("people are reminded once at half and once at a tenth of the time, for all gates together, also after restarts", async () => {
  const world = await asking(3);
  expect(await intended(world, "reminder")).toEqual([]);
  await world.letTimePass(minutes(16));
  for (let round = 0; round < 3; round += 1) {
    restartBot(world);
    await botLooks(world);
  }
  expect(await intended(world, "reminder")).toEqual(["reminder half"]);
  await world.letTimePass(minutes(12));
  restartBot(world);
  await botLooks(world);
  await botLooks(world);
  expect(await intended(world, "reminder", "expired")).toEqual(["reminder half", "reminder tenth"]);
});

test("a bot that was away does not send late reminders together; the expiry is said aloud, once for all gates", async () => {
  const world = await asking(2);
  await world.letTimePass(minutes(28));
  await botLooks(world);
  expect(await intended(world, "reminder")).toEqual(["reminder tenth"]);
  await world.letTimePass(minutes(3));
  await botLooks(world);
  await botLooks(world);
  expect(await intended(world, "reminder", "expired")).toEqual(["reminder tenth", "expired"]);
  expect((await approvalsOf(journal.bot, world.id)).map(({ state }) => state)).toEqual(["EXPIRED", "EXPIRED"]);
});

test("who voted in time but was not seen before the end does not count: the request has expired", async () => {
  const world = await asking(1);
  world.truth.slack.away = true;
  await react(world, "UANN");
  await react(world, "UBOB");
  await world.letTimePass(minutes(31));
  world.truth.slack.away = false;
  await botLooks(world);
  expect((await approvalsOf(journal.bot, world.id)).map(({ state }) => state)).toEqual(["EXPIRED"]);
});

test("why a vote does not count is told to that person once, whatever changes and whoever restarts", async () => {
  const world = await asking(1);
  await react(world, "UGREG");
  await react(world, "UANN");
  await react(world, "UGREG2");
  restartBot(world);
  await react(world, "UANN2");
  await react(world, "UBOB");
  expect(await intended(world, "hint")).toEqual(["hint UGREG", "hint UANN2"]);
  const revisions = await journal.bot.query(
    "select revision from journal.outbox where migration_id = $1 and kind = 'hint' and revision > 1",
    [world.id],
  );
  expect(revisions, "said again").toEqual([]);
});

test("card, status and go read the tree that the evaluator gave", async () => {
  const world = await asking(1);
  await react(world, "UANN");
  world.truth.requesters.add("cyn");
  await addRequester(journal.worker, world.id, { person: "cyn", slackUser: "UCYN" }, "retry");
  await botLooks(world);
  const [gate] =
    (await takeSnapshot(journal.bot, world.id, { required: 2, people: ["ann", "bob", "cyn"] }))?.approvals ?? [];
  const stored = await getApproval(journal.bot, gate?.id ?? "");
  expect(gate).toMatchObject({ missing: 1, voters: [{ person: "ann" }] });
  expect(gate?.stillNeeded).toContain("bob");
  expect(gate?.stillNeeded).not.toContain("cyn");
  expect(gate?.reasons).toEqual(stored?.verdict?.reasons);
  expect(stored?.verdict).toMatchObject({ state: "waiting", reasons: { name: "gate", ok: false } });
});

test("a veto that reached us is final, although it was taken back before anybody looked", async () => {
  const world = await asking(1);
  await react(world, "UANN");
  await react(world, "UBOB");
  const ts = world.truth.gates[0]?.ts ?? "";
  await store(world, { id: `${world.id}-veto`, ts, who: "UCYN", emoji: "no_entry", on: true });
  await botLooks(world);
  expect((await approvalsOf(journal.bot, world.id)).map(({ state, stateReason }) => [state, stateReason])).toEqual([
    ["DENIED", "stopped by cyn"],
  ]);
});
