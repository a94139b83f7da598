import { digestOf } from "../../src/approvals/digest.ts";
import { createApproval, supersedeApprovals } from "../../src/journal/approvals-rows.ts";
import { unansweredClaims } from "../../src/journal/claims.ts";
import { insertInbound } from "../../src/journal/inbound.ts";
import { getMigration, requesterNames } from "../../src/journal/migrations.ts";
import { intend, markSent } from "../../src/journal/outbox.ts";
import { getPhaseRun } from "../../src/journal/phase-runs.ts";
import { phases, windowFacts, type WindowName } from "../../src/journal/phase.ts";
import { askWindow, currentWindow, endWindow } from "../../src/journal/windows.ts";
import { silentLog } from "../../src/log.ts";
import type { RunnerWorld } from "../../src/migration/runner-world.ts";
import { type ApprovalsRounds, approvalsRounds } from "../../src/slack/approvals-loop.ts";
import { type AttestDeps, openAttester } from "../../src/slack/attest.ts";
import type { BotSettings } from "../../src/slack/settings.ts";
import type { TestJournal } from "../support/journal.ts";
import { type AccountId, accounts, type Sequence } from "./events.ts";
import { botUser, openInMemorySlack, team } from "./slack-in-memory.ts";
import { type Gate, hear, lookAround, seeCard, type Truth } from "./truth.ts";

const people = [
  { person: "greg", slack: ["UGREG", "UGREG2"] },
  { person: "ann", slack: ["UANN", "UANN2"] },
  { person: "bob", slack: ["UBOB"] },
  { person: "cyn", slack: ["UCYN"] },
  // listed by mistake: their accounts never count
  { person: "eve", slack: ["UEVE"] },
  { person: "deploybot", slack: ["UOTHERBOT"] },
  { person: "slackbot", slack: ["USLACKBOT"] },
];
const windows: readonly WindowName[] = ["retire", "window-2", "window-1"];
export const expiresMs = 30 * 60_000;

/** A reaction on its way to the bot. */
export interface Posted {
  readonly id: string;
  readonly ts: string;
  readonly who: AccountId;
  readonly emoji: string;
  readonly on: boolean;
}

/** One migration before a window, with a bot, workers and everyone's Slack accounts. */
export interface World {
  readonly id: string;
  readonly channel: string;
  readonly window: WindowName;
  readonly journal: TestJournal;
  readonly truth: Truth;
  readonly runner: RunnerWorld;
  /** The test's own time in milliseconds: it passes with the database's, and by jumps. */
  now(): number;
  letTimePass(ms: number): Promise<void>;
  /** What the sleeping worker and its fault points do; set while a command or a phase runs. */
  onSleep: (() => Promise<void>) | undefined;
  onFault: ((name: string) => Promise<void>) | undefined;
  /** Minutes that the processes' own clocks are off. */
  processClockMs: number;
  /** Changed by every change of the plan. */
  plan: number;
  settings: BotSettings;
  rounds: ApprovalsRounds;
  readonly late: Posted[];
  posted: number;
}

/** Begins a migration. `seq` must be new in this journal. */
export async function openWorld(journal: TestJournal, seq: number, given: Sequence): Promise<World> {
  const id = `seq-${seq}`;
  const window = windows[given.gates - 1] ?? "retire";
  const { phase } = windowFacts[window];
  await journal.admin.query("select public.begin_migration($1, $2, $3)", [
    id,
    phase,
    phases.slice(0, phases.indexOf(phase)),
  ]);
  const slack = openInMemorySlack();
  for (const each of accounts) {
    const teamId = each === "UEVE" ? "T2" : team;
    slack.accounts.set(each, { deleted: false, isBot: each === "UOTHERBOT", isGuest: false, teamId, inChannel: true });
    slack.group.add(each);
  }
  const truth: Truth = {
    slack,
    approvers: people,
    botApprovers: people,
    withGroup: given.withGroup,
    requesters: new Set(["greg"]),
    gates: [],
    vetoes: new Map(),
    attested: undefined,
    stops: [],
  };
  const settings = settingsOf(id, given.withGroup, people);
  let passedMs = 0;
  const world: World = {
    id,
    channel: `C${seq}`,
    window,
    journal,
    truth,
    now: () => performance.now() + passedMs,
    letTimePass: async (ms) => {
      const tss = truth.gates.flatMap(({ ts }) => ts ?? []);
      await journal.admin.query(
        "select public.let_time_pass($1, $2::double precision * interval '1 millisecond', $3)",
        [id, ms, tss],
      );
      passedMs += ms;
    },
    onSleep: undefined,
    onFault: undefined,
    processClockMs: 0,
    plan: 0,
    settings,
    rounds: approvalsRounds(botDeps({ journal, settings, truth })),
    late: [],
    posted: 0,
    runner: {
      journal: journal.worker,
      configDigest: "c",
      log: silentLog,
      clock: {
        now: () => new Date(Date.now() + world.processClockMs),
        sleep: async (ms, signal) => {
          signal?.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, 1));
          world.processClockMs += ms;
          await world.onSleep?.();
        },
      },
      fault: (name) => world.onFault?.(name) ?? Promise.resolve(),
    },
  };
  return world;
}

function settingsOf(
  migration: string,
  withGroup: boolean,
  approvers: BotSettings["approvals"]["approvers"],
): BotSettings {
  return {
    migration,
    heroku: { app: "shop" },
    slack: { team, app: "A1", channel: "C", commsChannel: "C" },
    approvals: {
      required: 2,
      approvers,
      drivers: [{ person: "greg", slack: ["UGREG"] }],
      approveEmoji: "white_check_mark",
      vetoEmoji: "no_entry",
      ...(withGroup ? { userGroup: "S1" } : {}),
    },
  };
}

/** Another list of approvers is loaded: by the workers, and by the bot if it was restarted as well. */
export function configure(world: World, without: string, botToo: boolean): void {
  world.truth.approvers = people.filter(({ person }) => person !== without);
  if (!botToo) return;
  world.truth.botApprovers = world.truth.approvers;
  world.settings = settingsOf(world.id, world.truth.withGroup, world.truth.approvers);
  restartBot(world);
}

function botDeps({ journal, settings, truth }: Pick<World, "journal" | "settings" | "truth">): AttestDeps {
  return { journal: journal.bot, settings, botUser, client: truth.slack.client, clock: hurried(), log: silentLog };
}

/** Whoever waits for Slack by it waits for nothing, and gives up after as many looks as in real time. */
function hurried(): AttestDeps["clock"] {
  let atMs = Date.now();
  return { now: () => new Date(atMs), sleep: async (ms) => void (atMs += ms) };
}

/** A new bot process: it remembers nothing. */
export function restartBot(world: World): void {
  world.rounds = approvalsRounds(botDeps(world));
}

/** The bot posts what is to be posted, and looks at what is due. `at`: the card that it looks at, all of them unless told. */
export async function botLooks(world: World, at?: string): Promise<void> {
  const { truth } = world;
  await postCards(world);
  if (at === undefined) world.rounds.lookAtAll();
  else await world.rounds.messagesTouched([{ channel: world.channel, ts: at }]);
  await world.rounds.round();
  for (const gate of truth.gates) if (at === undefined || gate.ts === at) seeCard(truth, gate);
}

async function postCards(world: World): Promise<void> {
  const { slack, gates } = world.truth;
  if (slack.away || !slack.appInChannel) return;
  for (const gate of gates) {
    if (gate.ts !== undefined) continue;
    const messageTs = `${world.id.slice(4)}.${++world.posted}`;
    const { bot } = world.journal;
    const outbox = await intend(bot, { kind: "gate", migrationId: world.id, key: gate.approvalId, audience: "main" });
    await markSent(bot, outbox, { revision: 1, channel: world.channel, messageTs });
    slack.cards.set(messageTs, { reactions: new Map(), deleted: false });
    gate.ts = messageTs;
  }
}

/** The bot answers the worker's claims. @returns whether there were any. */
export async function botAttests(world: World): Promise<boolean> {
  const { truth } = world;
  if ((await unansweredClaims(world.journal.bot, world.id)).length === 0) return false;
  const attester = openAttester(botDeps(world));
  await attester.round();
  await attester.settled();
  if (truth.slack.away) return true;
  truth.attested = lookAround(truth, world.now());
  truth.stops = [];
  return true;
}

/** Slack's event is stored, as before its 200; @returns false when it was stored before. */
export async function store(world: World, posted: Posted): Promise<void> {
  const type = posted.on ? "reaction_added" : "reaction_removed";
  const item = { type: "message", channel: world.channel, ts: posted.ts };
  const event_ts = (world.runner.clock.now().getTime() - world.processClockMs) / 1_000;
  const event = { type, user: posted.who, reaction: posted.emoji, item, event_ts: event_ts.toFixed(6) };
  const body = { type: "event_callback", team_id: team, event_id: posted.id, event };
  await insertInbound(world.journal.bot, { dedupKey: `event:${posted.id}`, kind: "event", body });
  hear(world.truth, posted);
}

/** What a gate of this window would do as of now. */
export function digestNow(world: World, name: string): string {
  return digestOf({
    migration: world.id,
    step: name,
    parameters: { plan: world.plan },
    configDigest: "c",
    approverSet: world.truth.approvers,
  });
}

/** `/migrate window`: strikes out what was asked before and asks anew, all gates together. */
export async function askForWindow(world: World): Promise<void> {
  const { worker } = world.journal;
  const { gates, phase } = windowFacts[world.window];
  const migration = await getMigration(worker, world.id);
  const before = await currentWindow(worker, world.id);
  if (migration?.state !== "active" || migration.phase !== phase || before?.state === "open") return;
  const run = await getPhaseRun(worker, world.id, phase);
  world.truth.gates = await worker.transaction(async (tx) => {
    if (before !== undefined) {
      await supersedeApprovals(tx, before.id, "asked again");
      await endWindow(tx, before.id, "cancelled", "asked again");
    }
    const ask = { migrationId: world.id, name: world.window, askedBy: "greg", forecastMs: 1_000 };
    const windowId = await askWindow(tx, { ...ask, try: run?.try ?? 1 });
    const asked = await requesterNames(tx, world.id);
    const made: Gate[] = [];
    for (const gate of gates) {
      const approvalId = `${world.id}-${windowId}-${gate}`;
      const digest = digestNow(world, gate);
      const what = {
        id: approvalId,
        migrationId: world.id,
        windowId,
        gate,
        step: gate,
        digest,
        subject: {},
        evidence: {},
      };
      await createApproval(tx, { ...what, requesters: asked, expiresInMs: expiresMs });
      made.push({ approvalId, name: gate, digest, expiresAtMs: world.now() + expiresMs, ts: undefined });
    }
    return made;
  });
  world.truth.stops = [];
  world.truth.attested = undefined;
  await botLooks(world);
}
