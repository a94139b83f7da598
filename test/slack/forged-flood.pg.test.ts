import { afterAll, beforeAll, expect, it } from "vitest";
import { seededChance } from "../../src/sandbox/s3/faults.ts";
import { sendCommand } from "../../src/sandbox/slack/approach.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { type BotProcess, startBotProcess } from "./bot-process.ts";
import { commandBody, forgeries, signed, type Target } from "./forgeries.ts";
import { main } from "./world.ts";

let cluster: TestCluster;
let bot: BotProcess;
beforeAll(async () => {
  cluster = await startCluster();
  bot = await startBotProcess(cluster);
});
afterAll(async () => {
  await bot[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const seed = 20_261;
const atOnce = 20;
/** What the heap and its young space move by themselves between two collections; a leak of each body would be 300 MB. */
const flatBytes = 64 * 1024 * 1024;

async function stored(kind: string): Promise<number> {
  const sql = "select count(*)::int as n from journal.inbound where kind = $1";
  const [row] = await bot.journal.admin.db.query<{ n: number }>(sql, [kind]);
  return row?.n ?? -1;
}

/** Sends so many, of kinds that the dice choose. @returns the statuses by kind. */
async function flood(target: Target, count: number, chance: () => number): Promise<Map<string, Set<number>>> {
  const kinds = Object.entries(forgeries);
  const seen = new Map<string, Set<number>>();
  let left = count;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const [name, forge] = kinds[Math.floor(chance() * kinds.length)] ?? ["", () => Promise.resolve(0)];
      const status = await forge(target);
      seen.set(name, (seen.get(name) ?? new Set()).add(status));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return seen;
}

/** People who go on typing; their waits in milliseconds. */
async function keepTyping(until: AbortSignal): Promise<number[]> {
  const waits: number[] = [];
  const [channel, dana] = [bot.slack.channels.get(main), bot.slack.people.get(ids.dana)];
  if (channel === undefined || dana === undefined) throw new Error("nobody is there");
  while (!until.aborted) {
    const { outcome, ms } = await sendCommand(bot.slack.workspace, channel, dana, "/migrate", "whoami");
    waits.push(outcome === "acknowledged" ? ms : Number.POSITIVE_INFINITY);
  }
  return waits;
}

it("1,000 forged, replayed, malformed and oversized requests: none is taken, none crashes the bot, memory stays flat, people are answered", async () => {
  const url = `${bot.url}/slack/events`;
  const body = commandBody();
  const headers = signed(bot.signingSecret.reveal(), body);
  const first = await fetch(url, { method: "POST", headers, body });
  expect(first.status).toBe(200);
  const target: Target = { url, signingSecret: bot.signingSecret.reveal(), captured: { body, headers } };
  const chance = seededChance(seed);
  const before = { events: await stored("event"), pid: bot.pid() };
  await flood(target, 300, chance);
  const warm = bot.rss();
  const over = new AbortController();
  const typing = keepTyping(over.signal);
  const rounds = [await flood(target, 500, chance), await flood(target, 500, chance)];
  over.abort();
  const waits = (await typing).toSorted((a, b) => a - b);
  const after = bot.rss();
  const p99 = waits[Math.floor(waits.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  const mb = (bytes: number): number => Math.round(bytes / 1024 / 1024);
  console.log(
    `answers meanwhile: ${waits.length}, p99 ${p99} ms; memory ${mb(warm)} MB, then ${mb(after)} MB (seed ${seed})`,
  );
  for (const round of rounds) {
    for (const [kind, statuses] of round) {
      // Bolt answers a check of TLS without looking further; what else is in it is thrown away
      const allowed = kind.startsWith("a check of TLS") ? [200, 0] : [0, 400, 401, 403, 404, 409, 413, 415];
      for (const status of statuses) expect(allowed, `seed ${seed}: ${kind}`).toContain(status);
    }
  }
  expect(bot.pid(), "the same process as before").toBe(before.pid);
  expect(await stored("event")).toBe(before.events);
  expect(await stored("interaction")).toBe(0);
  expect(await stored("command"), "the one captured, and what people typed").toBe(1 + waits.length);
  expect(waits.length).toBeGreaterThan(5);
  expect(p99).toBeLessThan(3_000);
  expect(after - warm).toBeLessThan(flatBytes);
});
