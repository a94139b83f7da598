import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openLog } from "../src/log.ts";
import { openJournalView, type JournalView } from "../src/sandbox/run/journal-view.ts";
import { makeRunDirectory, keepLogs } from "../src/sandbox/run/run-directory.ts";
import { migrationChannel, type SlackPeople, slackPeople } from "../src/sandbox/run/slack-people.ts";
import { openStage } from "../src/sandbox/run/stage.ts";
import { ids } from "../src/sandbox/slack/cast.ts";
import { type Acknowledged, sendTraffic } from "./support/slack-traffic.ts";

/**
 * How fast the bot answers under load, and how soon two votes become a claimed step: real bot and worker processes in the
 * sandbox, PostgreSQL with fsync as the sandbox has it, Slack's own rate limits.
 * `node bench/slack-load.ts [--seconds 60] [--commands 50] [--reactions 200] [--every 15] [--json]`
 * A window every `--every` seconds: faster than people ever are, and what Slack's 50 `reactions.get` a minute allow.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    commands: { type: "string", default: "50" },
    reactions: { type: "string", default: "200" },
    every: { type: "string", default: "15" },
    json: { type: "boolean", default: false },
  },
});
const bars = { acknowledgedMs: 500, claimedMs: 1_000 };

/** From the second person's last ✅, in milliseconds. `go` is typed the moment the gates are armed. */
interface Passage {
  readonly armedMs: number;
  /** Undefined where `go` was refused. */
  readonly claimedMs: number | undefined;
}

/** Waits by looking often: what is measured must not be our own pause. */
async function until<T>(what: string, look: () => Promise<T | undefined | false>, everyMs = 10): Promise<T> {
  const end = Date.now() + 180_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited three minutes for ${what}`);
    await delay(everyMs);
  }
}

async function untilWindowAsked(view: JournalView, people: SlackPeople): Promise<readonly string[]> {
  const before = (await view.window())?.id ?? 0;
  await people.command(ids.greg, "/migrate window");
  const asked = await until("gates", async () => {
    const now = await view.window();
    if (now === undefined || now.id === before || now.state !== "asking") return false;
    const gates = await view.approvals(now.id);
    return gates.length > 0 && gates.every(({ state }) => state === "PENDING") && { id: now.id, gates };
  });
  return asked.gates.flatMap(({ ts }) => ts ?? []);
}

/** One window: asked for, approved by two, opened, and stopped again before anything happened. */
async function pass(view: JournalView, people: SlackPeople): Promise<Passage> {
  const gates = await untilWindowAsked(view, people);
  for (const ts of gates) await people.react(ids.ann, ts, "white_check_mark");
  for (const ts of gates.slice(1)) await people.react(ids.bob, ts, "white_check_mark");
  const windowId = (await view.window())?.id ?? 0;
  await delay(1_000);
  const from = performance.now();
  await people.react(ids.bob, gates[0] ?? "", "white_check_mark");
  await until("every gate to be armed", async () =>
    (await view.approvals(windowId)).every(({ state }) => state === "ARMED"),
  );
  const armedMs = performance.now() - from;
  const before = (await view.lastCommand())?.id;
  await people.command(ids.greg, "/migrate go");
  const came = await until("the step to be claimed", async () => {
    // first the answer, then the gates: they are consumed before it is given
    const last = await view.lastCommand();
    if ((await view.approvals(windowId)).every(({ state }) => state === "CONSUMED")) return "claimed";
    return last !== undefined && last.id !== before && last.answered && "refused";
  });
  const claimedMs = came === "claimed" ? performance.now() - from : undefined;
  await people.react(ids.cyn, gates[0] ?? "", "no_entry");
  if (claimedMs === undefined) return { armedMs, claimedMs };
  await until("the window to be put back", async () => (await view.window())?.state === "put-back", 100);
  return { armedMs, claimedMs };
}

/** Goes through windows until `isOver`, one begun every so often. */
async function passes(view: JournalView, people: SlackPeople, isOver: (made: number) => boolean): Promise<Passage[]> {
  const everyMs = Number(values.every) * 1000;
  const made: Passage[] = [];
  for (let next = Date.now(); !isOver(made.length); next = Math.max(next + everyMs, Date.now())) {
    await delay(Math.max(0, next - Date.now()));
    made.push(await pass(view, people));
  }
  return made;
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

function summary(what: string, ms: readonly number[], failed = 0, barMs?: number) {
  const sorted = ms.toSorted((a, b) => a - b);
  const [p50, p99, max] = [percentile(sorted, 0.5), percentile(sorted, 0.99), percentile(sorted, 1)];
  return {
    what,
    count: ms.length,
    failed,
    p50,
    p99,
    max,
    barMs,
    pass: barMs === undefined || (failed === 0 && p99 < barMs),
  };
}

async function measure(): Promise<ReturnType<typeof summary>[]> {
  const directory = makeRunDirectory();
  const stop = new AbortController();
  const note = (line: string): void => void process.stderr.write(`${line}\n`);
  const options = { handsOn: true, keep: false, seed: 20_261 };
  await using stage = await openStage(options, directory, stop.signal, note, openLog("bench", "warn"));
  await using view = openJournalView(stage.world.journal.adminUrl);
  const people = slackPeople(stage.world.slack.control);
  await people.command(ids.greg, "/migrate start");
  note("playing up to window 1 …");
  await until("window 1", async () => (await view.phaseState("promote"))?.state === "waiting", 200);
  const idle = await passes(view, people, (count) => count === 4);
  note("load …");
  const seconds = Number(values.seconds);
  const traffic = sendTraffic({
    url: `${stage.world.botUrl}/slack/events`,
    signingSecret: stage.world.slack.workspace.signingSecret,
    channel: migrationChannel,
    commandsPerSecond: Number(values.commands),
    reactionsPerSecond: Number(values.reactions),
    seconds,
  });
  const begun = Date.now();
  const { log } = stage.world.slack.workspace;
  const loaded = await passes(view, people, (count) => count * Number(values.every) + 5 > seconds);
  const asked = log.filter(({ name, at }) => name === "reactions.get" && Date.parse(at) >= begun);
  note(
    `${asked.length} reactions.get meanwhile, ${asked.filter(({ outcome }) => outcome === "429").length} of them limited`,
  );
  const { commands, reactions } = await traffic;
  keepLogs(directory);
  note(`logs: ${directory.logs}`);
  return rows(idle, loaded, commands, reactions);
}

function rows(idle: readonly Passage[], loaded: readonly Passage[], commands: Acknowledged, reactions: Acknowledged) {
  const of = (passages: readonly Passage[], key: keyof Passage): number[] =>
    passages.flatMap((each) => each[key] ?? []);
  const refused = (passages: readonly Passage[]): number => passages.length - of(passages, "claimedMs").length;
  return [
    summary(`commands, ${values.commands}/s: acknowledged`, commands.ms, commands.failed, bars.acknowledgedMs),
    summary(`reactions, ${values.reactions}/s: acknowledged`, reactions.ms, reactions.failed, bars.acknowledgedMs),
    summary("second vote → armed, no load", of(idle, "armedMs")),
    summary("second vote → claimed, no load", of(idle, "claimedMs"), refused(idle), bars.claimedMs),
    summary("second vote → armed, under load", of(loaded, "armedMs")),
    summary("second vote → claimed, under load", of(loaded, "claimedMs"), refused(loaded), bars.claimedMs),
  ];
}

const table = await measure();
if (values.json) console.log(JSON.stringify(table, null, 2));
else {
  console.log(`Node ${process.version}, ${execFileSync("nproc").toString().trim()} cores, milliseconds`);
  for (const { what, count, failed, p50, p99, max, barMs, pass: ok } of table) {
    const bar = barMs === undefined ? "" : `  bar ${barMs}: ${ok ? "PASS" : "FAIL"}`;
    console.log(
      `${what.padEnd(38)} n ${String(count).padStart(6)}  failed ${failed}  p50 ${p50}  p99 ${p99}  max ${max}${bar}`,
    );
  }
}
