import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { createDraft, setState } from "../../src/journal/migrations.ts";
import { intend } from "../../src/journal/outbox.ts";
import { openJournalView } from "../../src/sandbox/run/journal-view.ts";
import { postMessage } from "../../src/sandbox/slack/acts.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { compareOutbox } from "../../src/sandbox/slack/check-outbox.ts";
import { faultsSchema, modestFaults, rollFaults } from "../../src/sandbox/slack/faults.ts";
import { type BotProcess, startBotProcess } from "../slack/bot-process.ts";
import { main, migration } from "../slack/world.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const seed = 20_261;
/** More than Slack ever does, and nothing is left out. */
const faults = {
  ...modestFaults,
  http429Rate: 0.15,
  http5xxRate: 0.1,
  loseResponses: 0.15,
  deleteMessages: 0.1,
  repeatEvents: 0.2,
  reorderEvents: 0.2,
  delayEventsMs: 300,
  seed,
};
const events = 2_000;

/** Messages of every kind of place, some of them changed again and again. */
async function intendAll(bot: BotProcess): Promise<void> {
  const { db } = bot.journal.worker;
  await createDraft(db, { id: migration, driver: "greg", configDigest: "c" });
  await setState(db, migration, "active");
  const places = ["main", "thread", "comms", "main", "thread", "person"] as const;
  for (let n = 0; n < 36; n += 1) {
    const audience = places[n % places.length] ?? "main";
    const whom = audience === "person" ? { person: ids.ann } : {};
    const note = { kind: "note", migrationId: migration, key: `n${n}`, audience, ...whom };
    await intend(db, { ...note, facts: { text: `message ${n}` } });
    if (n % 3 === 0) await intend(db, { ...note, facts: { text: `message ${n}, changed` } });
  }
}

async function storedEvents(bot: BotProcess): Promise<number> {
  const sql = "select count(*)::int as n from journal.inbound where kind = 'event' and body #>> '{event,user}' = $1";
  const [row] = await bot.journal.admin.db.query<{ n: number }>(sql, [ids.dana]);
  return row?.n ?? -1;
}

/** Dana talks, some two hundred words a second. */
async function talk(bot: BotProcess): Promise<void> {
  const { workspace: ws } = bot.slack;
  const channel = bot.slack.channels.get(main);
  if (channel === undefined) throw new Error("no channel");
  for (let n = 0; n < events; n += 1) {
    postMessage(ws, channel, { user: ids.dana, text: `word ${n}` });
    if (n % 10 === 0) await delay(40);
  }
}

function dropped(bot: BotProcess): number {
  return bot.slack.workspace.log.filter(
    ({ kind, name, outcome }) => kind === "event" && name === "message" && outcome.startsWith("dropped"),
  ).length;
}

test("with every fault of Slack and a bot that is killed again and again, each message stands once and each event is stored once", async () => {
  const retryDelaysMs = [0, 1_000, 3_000, 6_000, 10_000, 15_000, 20_000];
  await using bot = await startBotProcess(cluster, { retryDelaysMs });
  await using view = openJournalView(bot.journal.urls.admin);
  console.log(`faults: ${JSON.stringify(faults)}`);
  bot.slack.workspace.faults = rollFaults(faultsSchema.parse(faults));
  await intendAll(bot);
  const talking = talk(bot);
  for (let kills = 0; kills < 4; kills += 1) {
    await delay(4_000);
    await bot.kill();
  }
  await talking;
  const compare = async (): Promise<readonly string[]> => compareOutbox(bot.slack.workspace, await view.outbox());
  await waitFor(async () => (await compare()).length === 0, {
    what: "every message to stand once",
    deadlineMs: 240_000,
    everyMs: 500,
  }).catch(() => undefined);
  expect(await compare(), `seed ${seed}`).toEqual([]);
  expect((await view.outbox()).length).toBeGreaterThanOrEqual(37);
  // a tenth never left Slack; what it dropped of others' messages is counted as well, which only lowers the bar
  const lost = dropped(bot);
  await waitFor(async () => (await storedEvents(bot)) >= events - lost, {
    what: "every event to be stored",
    deadlineMs: 90_000,
    everyMs: 500,
  }).catch(() => undefined);
  expect(await storedEvents(bot)).toBeLessThanOrEqual(events);
  expect(await storedEvents(bot)).toBeGreaterThanOrEqual(events - lost);
});
