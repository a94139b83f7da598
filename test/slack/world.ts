import { systemClock, waitFor } from "../../src/clock.ts";
import { createApproval } from "../../src/journal/approvals-rows.ts";
import { addRequester, createDraft, setPhase, setState } from "../../src/journal/migrations.ts";
import type { Gate } from "../../src/journal/phase.ts";
import { askWindow } from "../../src/journal/windows.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import * as cast from "../../src/sandbox/slack/cast.ts";
import { type SlackStandIn, startSlack } from "../../src/sandbox/slack/server.ts";
import { type Bot, startBot } from "../../src/slack/bot.ts";
import type { BotSettings } from "../../src/slack/settings.ts";
import type { TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";

const { ids } = cast;
export const main = "C0MIGRATION";
export const migration = "shop-production";
export const signingSecret = new Secret("a-signing-secret-of-the-test");
const botToken = new Secret("xoxb-test-token");
const appToken = new Secret("xapp-test-token");

/** A message as the stand-in's control interface shows it. */
export interface Shown {
  readonly ts: string;
  readonly text: string;
  readonly edits: number;
  readonly reactions: readonly { readonly name: string; readonly users: readonly string[] }[];
  readonly ephemeralTo?: string;
  readonly metadata?: { readonly event_payload: Readonly<Record<string, unknown>> };
  readonly replies: readonly Shown[];
}

/** Bot, Slack and journal, talking HTTP and SQL. */
export interface BotWorld extends AsyncDisposable {
  readonly slack: SlackStandIn;
  readonly journal: TestJournal;
  readonly settings: BotSettings;
  bot: Bot;
  readonly rings: string[];
  /** Posts to the control interface; throws what it refuses. */
  act(name: string, body: object): Promise<Readonly<Record<string, unknown>>>;
  /** Top-level messages of a channel, ephemeral ones too. */
  messages(channel?: string): Promise<readonly Shown[]>;
  /** Waits for a message that `matches`. */
  see(what: string, matches: (message: Shown) => boolean): Promise<Shown>;
  react(user: string, ts: string, name: string, present?: boolean): Promise<void>;
  /** Starts another bot process on the same journal. */
  restart(): Promise<void>;
}

/** Starts everything; `await using` stops it. */
export async function openWorld(cluster: TestCluster, mode: "http" | "socket" = "http"): Promise<BotWorld> {
  const journal = await makeJournal(cluster);
  const slack = await startSlack({
    signingSecret,
    botToken,
    appToken,
    rates: {
      postsPerSecondPerChannel: 1,
      postBurst: 5,
      perMinute: { tier2: 200, tier3: 600, tier4: 600, special: 600 },
    },
  });
  const settings: BotSettings = {
    migration,
    heroku: { app: "shop-production" },
    slack: {
      mode,
      apiUrl: slack.apiUrl,
      team: cast.team.id,
      app: cast.app.id,
      channel: main,
      commsChannel: "C0COMMS0000",
    },
    approvals: {
      required: 2,
      approvers: [
        { person: "ann", slack: [ids.ann] },
        { person: "bob", slack: [ids.bob] },
        { person: "cyn", slack: [ids.cyn] },
        { person: "greg", slack: [ids.greg] },
      ],
      drivers: [{ person: "greg", slack: [ids.greg] }],
      approveEmoji: "white_check_mark",
      vetoEmoji: "no_entry",
    },
  };
  const rings: string[] = [];
  const doorbell = {
    ring: (id: string, phase: string, queue = "phases") => Promise.resolve(rings.push(`${id} ${phase} ${queue}`)),
  };
  const start = async (): Promise<Bot> => {
    const secrets = mode === "socket" ? { appToken, botToken } : { signingSecret, botToken };
    const bot = await startBot({
      config: settings,
      secrets,
      journal: journal.bot,
      doorbell,
      log: silentLog,
      clock: systemClock,
      port: 0,
    });
    if (mode === "socket") return bot;
    const url = `${bot.url}/slack/events`;
    await slack.setRequestUrls({ events: url, commands: url, interactivity: url });
    return bot;
  };
  const act: BotWorld["act"] = async (name, body) => {
    const response = await fetch(`${slack.control}/${name}`, { method: "POST", body: JSON.stringify(body) });
    const answer: Record<string, unknown> = JSON.parse(await response.text());
    if (!response.ok) throw new Error(`${name}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const messages: BotWorld["messages"] = async (channel = main) => {
    const response = await fetch(`${slack.control}/messages?channel=${channel}`);
    const answer: { messages: Shown[] } = JSON.parse(await response.text());
    return answer.messages;
  };
  const world: BotWorld = {
    slack,
    journal,
    settings,
    bot: await start(),
    rings,
    act,
    messages,
    see: (what, matches) =>
      waitFor(async () => (await messages()).find((each) => matches(each)), { what, deadlineMs: 15_000, everyMs: 50 }),
    react: async (user, ts, name, present = true) =>
      void (await act("reaction", { channel: main, user, ts, name, present })),
    restart: async () => {
      await world.bot.stop();
      world.bot = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await world.bot.stop();
      await slack.stop();
      await journal[Symbol.asyncDispose]();
    },
  };
  return world;
}

/** A migration before window 1, as the worker would leave it. */
export async function beforeWindow(world: BotWorld): Promise<number> {
  const { db } = world.journal.worker;
  await createDraft(db, { id: migration, driver: "greg", configDigest: "c" });
  await setState(db, migration, "active");
  await setPhase(db, migration, "promote");
  await addRequester(db, migration, { person: "greg", slackUser: "UGREG" }, "start");
  return askWindow(db, { migrationId: migration, name: "window-1", try: 1, askedBy: "greg", forecastMs: 40_000 });
}

/** Asks for one gate, as `/migrate window` would. */
export async function askGate(world: BotWorld, windowId: number, gate: Gate, expiresInMs = 600_000): Promise<string> {
  const id = `gate-${gate}-${windowId}`;
  await createApproval(world.journal.worker.db, {
    id,
    migrationId: migration,
    windowId,
    gate,
    step: `${gate}-step`,
    digest: "7f3a9c0000",
    subject: { app: "shop-production" },
    evidence: { lagMs: 2_000 },
    requesters: ["greg"],
    expiresInMs,
  });
  return id;
}
