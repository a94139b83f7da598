import { approvalsOf } from "../../src/journal/approvals-rows.ts";
import { addRequester, type Asker, getMigration, setIntent } from "../../src/journal/migrations.ts";
import { windowFacts } from "../../src/journal/phase.ts";
import { currentWindow } from "../../src/journal/windows.ts";
import { claimWindow } from "../../src/migration/open-window.ts";
import type { AccountId, Event, Go } from "./events.ts";
import { Broken, count, type Play } from "./promises.ts";
import { team } from "./slack-in-memory.ts";
import { objections } from "./truth.ts";
import { work } from "./work.ts";
import { askForWindow, botAttests, botLooks, configure, digestNow, restartBot, store, type World } from "./world.ts";

/** Lets one thing happen. @throws Broken when a promise was not kept. */
export async function happen(play: Play, event: Event): Promise<void> {
  const { world } = play;
  const { truth } = world;
  const { slack } = truth;
  count(play, `event ${event.is}`);
  switch (event.is) {
    case "react":
      return react(world, event);
    case "deliver-late": {
      const late = event.reversed ? world.late.splice(0).toReversed() : world.late.splice(0);
      for (const posted of late) {
        await store(world, posted);
        await botLooks(world, posted.ts);
      }
      return;
    }
    case "bot-looks":
      return botLooks(world);
    case "bot-restarts":
      restartBot(world);
      return botLooks(world);
    case "account":
      return change(world, event.who, event.change);
    case "group":
      return void (event.on ? slack.group.add(event.who) : slack.group.delete(event.who));
    case "plan-changes":
      return void (world.plan += 1);
    case "configuration":
      return configure(world, event.without, event.botToo);
    case "message-deleted": {
      const card = slack.cards.get(truth.gates[event.gate % Math.max(1, truth.gates.length)]?.ts ?? "");
      if (card !== undefined) card.deleted = true;
      return botLooks(world);
    }
    case "channel-shared":
      return void (slack.channelShared = event.on);
    case "app-in-channel":
      return void (slack.appInChannel = event.on);
    case "time-passes":
      return world.letTimePass(event.seconds * 1_000);
    case "process-clock-jumps":
      return void (world.processClockMs += event.minutes * 60_000);
    case "slack-away":
      return void (slack.away = event.on);
    case "slack-truncates":
      return void (event.on ? slack.truncated.add(event.emoji) : slack.truncated.delete(event.emoji));
    case "intent":
      return setIntent(world.journal.worker, world.id, event.intent, "greg");
    case "asks-for-something":
      truth.requesters.add(event.person);
      return addRequester(world.journal.worker, world.id, askerOf(event.person), "retry");
    case "window":
      return askForWindow(world);
    case "go":
      return go(play, event);
    case "work":
      return work(play, event.during, happen);
    case "worker-dies":
    case "other-worker":
      // only means something while one runs; see work.ts
      return undefined;
  }
}

async function react(world: World, { who, emoji, gate, on, how }: Extract<Event, { is: "react" }>): Promise<void> {
  const { gates, slack } = world.truth;
  for (const { ts } of gate === "all" ? gates : gates.slice(gate % Math.max(1, gates.length)).slice(0, 1)) {
    const card = slack.cards.get(ts ?? "");
    if (ts === undefined || card === undefined || card.deleted || slack.accounts.get(who)?.deleted === true) continue;
    const users = card.reactions.get(emoji) ?? new Set();
    card.reactions.set(emoji, users);
    if (users.has(who) === on) continue;
    if (on) users.add(who);
    else users.delete(who);
    const posted = { id: `Ev-${world.id}-${++world.posted}`, ts, who, emoji, on };
    if (how === "lost") continue;
    if (how === "late") {
      world.late.push(posted);
      continue;
    }
    await store(world, posted);
    if (how === "stored") continue;
    await botLooks(world, ts);
    if (how !== "twice") continue;
    await store(world, posted);
    await botLooks(world, ts);
  }
}

function change({ truth: { slack } }: World, who: AccountId, to: Extract<Event, { is: "account" }>["change"]): void {
  const account = slack.accounts.get(who);
  if (account === undefined) return;
  const before = { deleted: false, isBot: who === "UOTHERBOT", isGuest: false, inChannel: true };
  Object.assign(account, before, { teamId: who === "UEVE" ? "T2" : team });
  if (to === "deactivated") account.deleted = true;
  if (to === "guest") account.isGuest = true;
  if (to === "bot") account.isBot = true;
  if (to === "external") account.teamId = "T2";
  if (to === "left") account.inChannel = false;
}

async function go(play: Play, event: Go): Promise<void> {
  const { world } = play;
  const { truth } = world;
  const { worker } = world.journal;
  const window = await currentWindow(worker, world.id);
  if (window?.state !== "asking") return;
  truth.requesters.add(event.by);
  await addRequester(worker, world.id, askerOf(event.by), "go");
  let looked = false;
  let lastMs = world.now();
  const between = async (): Promise<void> => {
    if (!looked) for (const each of event.before) await happen(play, each);
    const answered = event.bot === "attests" && (await botAttests(world));
    // of two workers one may consume meanwhile: nothing may happen then that it could not have seen
    if (answered && !looked && !event.twice) for (const each of event.after) await happen(play, each);
    // nobody answers: the worker's wait is over at once
    if (!answered && (looked || event.bot === "is-away")) world.processClockMs += 11_000;
    if (answered || event.bot === "is-away") looked = true;
    lastMs = world.now();
  };
  let under: Promise<void> | undefined;
  world.onSleep = () => (under ??= between().finally(() => (under = undefined)));
  const digests = new Map<string, string>(windowFacts[window.name].gates.map((gate) => [gate, digestNow(world, gate)]));
  const policy = {
    required: 2,
    approveEmoji: "white_check_mark",
    vetoEmoji: "no_entry",
    team,
    ...(truth.withGroup ? { userGroup: "S1" } : {}),
  };
  const claim = {
    migrationId: world.id,
    windowId: window.id,
    by: event.by,
    policy,
    approvers: truth.approvers,
    digests,
    configDigest: world.runner.configDigest,
    deadlineMs: 120_000,
  };
  const tries = await Promise.allSettled([
    claimWindow(world.runner, claim),
    ...(event.twice ? [claimWindow(world.runner, claim)] : []),
  ]);
  world.onSleep = undefined;
  const opened = tries.filter(({ status }) => status === "fulfilled").length;
  count(play, opened > 0 ? "go opened a window" : "go was refused");
  if (opened > 1) throw new Broken("two workers opened one window");
  if (opened === 1) await demandApproved(play, window.id, { lastMs, digests, listed: claim.approvers });
}

async function demandApproved(
  play: Play,
  windowId: number,
  at: {
    readonly lastMs: number;
    readonly digests: ReadonlyMap<string, string>;
    readonly listed: Play["world"]["truth"]["approvers"];
  },
): Promise<void> {
  const { world } = play;
  const against = objections(world.truth, {
    ms: at.lastMs,
    digestOf: ({ name }) => at.digests.get(name) ?? "",
    listed: at.listed,
  });
  if ((await getMigration(world.journal.worker, world.id))?.intent !== "run") against.push("people held it");
  if (against.length > 0) throw new Broken(`a window was opened although: ${against.join("; ")}`);
  for (const { id, state } of await approvalsOf(world.journal.worker, world.id, windowId)) {
    if (state !== "CONSUMED") throw new Broken(`a window was opened with ${id} ${state}`);
    if (play.consumed.has(id)) throw new Broken(`${id} was used twice`);
    play.consumed.add(id);
  }
  play.opened.add(windowId);
}

const terminal = new Set(["CONSUMED", "DENIED", "EXPIRED", "SUPERSEDED", "VOIDED"]);

/** What is decided stays decided. */
export async function demandTerminalStates({ world, states, broken }: Play): Promise<void> {
  if (broken[0] !== undefined) throw broken[0];
  for (const { id, state } of await approvalsOf(world.journal.bot, world.id)) {
    const before = states.get(id);
    if (before !== undefined && terminal.has(before) && before !== state)
      throw new Broken(`${id} was ${before} and is ${state} now`);
    states.set(id, state);
  }
}

/** Who typed it, from the account that is named after the person. */
function askerOf(person: string): Asker {
  return { person, slackUser: `U${person.toUpperCase()}` };
}
