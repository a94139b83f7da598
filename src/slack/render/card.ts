import { codes } from "../../errors.ts";
import type { Progress } from "../../report/progress.ts";
import type { PhaseView, Snapshot } from "../../report/snapshot.ts";
import { type Message, message, type Part } from "../limits.ts";
import { type BotSettings, slackOf } from "../settings.ts";
import { lagLine } from "./lag-words.ts";
import {
  allOf,
  anyOf,
  bar,
  clockSeconds,
  clockTime,
  code,
  counted,
  dayAndTime,
  duration,
  durationRange,
  esc,
  firstLine,
  glyph,
  mention,
  plainName,
  size,
} from "./text.ts";
import { doingWords, phaseWords, stepWords, windowWords, writesWords } from "./words.ts";

/** Without a sign of life for this long, the card says so. */
const silentMs = 30_000;

/** A rendered card, and what of it a reader would notice: only a change of that is worth an edit. */
export interface Card {
  readonly message: Message;
  readonly visible: string;
  /** What moves with every sample: while people are waited for, not worth an edit that would hold up the next one. */
  readonly ticking: string;
}

/** The live card of a migration (channel.md, "The card"). `hasChanged` is judged on everything but the clock of its last line. */
export function renderCard(snapshot: Snapshot, settings: BotSettings): Card {
  const lag = lagLine(snapshot, silentMs);
  const steady = [
    headline(snapshot, settings),
    ...phaseLines(snapshot, settings),
    ...faultLine(snapshot),
    ...glassLine(snapshot),
  ];
  const lines = lag === undefined ? steady : [...steady, lag];
  const foot = [`Writes go to ${writesWords[snapshot.writesGo]}`, `driver ${plainName(snapshot.driver)}`];
  if (snapshot.startedAt) foot.push(`started ${clockTime(snapshot.startedAt)}`);
  const quiet = silence(snapshot);
  const parts: Part[] = [{ body: lines[0] ?? "" }, { body: lines.slice(1).join("\n") }];
  const fixed = foot.join(" · ");
  const small = `${fixed} · ${quiet ?? `updated ${clockSeconds(snapshot.takenAt)}`}`;
  return {
    message: message([...parts, { small }]),
    visible: [...steady, fixed, quiet === undefined ? "" : "quiet"].join("\n"),
    ticking: lag ?? "",
  };
}

function headline(snapshot: Snapshot, settings: BotSettings): string {
  const app = esc(settings.heroku.app);
  if (snapshot.state === "completed")
    return `${glyph.done} *${app} runs on RDS* · migration finished · *nothing is needed of you*`;
  if (snapshot.state === "aborted")
    return `${glyph.putBack} *${app} stays where it is* · migration stopped · *nothing is needed of you*`;
  if (snapshot.window?.state === "open") {
    const name = windowWords[snapshot.window.name];
    return `${glyph.running} *${app} moves to RDS* · ${name} is open, its own message counts the seconds · *nothing is needed of you*`;
  }
  const at = snapshot.phases.findIndex((phase) => phase.name === snapshot.phase);
  const doing = [`phase ${at + 1} of ${snapshot.phases.length}`, doingWords(snapshot)];
  const ready = snapshot.progress?.remaining;
  const until = snapshot.phases[at]?.until;
  if (ready && ready.highMs > 0) doing.push(`ready in ${durationRange(ready)}`);
  else if (until && until > snapshot.takenAt) doing.push(`until ${momentWords(until, snapshot.takenAt)}`);
  return `${headGlyph(snapshot)} *${app} moves to RDS* · ${doing.join(" · ")} · ${need(snapshot, settings)}`;
}

/** A time of today, or with its day where that is not plain. */
function momentWords(at: Date, now: Date): string {
  return at.getTime() - now.getTime() < 10 * 3_600_000 ? clockTime(at) : dayAndTime(at);
}

function headGlyph(snapshot: Snapshot): string {
  if (snapshot.waiting.kind === "resume") return glyph.held;
  if (snapshot.waiting.kind === "mend") return glyph.failed;
  return snapshot.waiting.kind === "nothing" ? glyph.running : glyph.needed;
}

/** What is needed, and of whom. Only those are mentioned who can do something now. */
function need(snapshot: Snapshot, settings: BotSettings): string {
  const { waiting } = snapshot;
  const driver = mention(slackOf(settings, snapshot.driver) ?? snapshot.driver);
  switch (waiting.kind) {
    case "nothing":
      return "*nothing is needed of you*";
    case "approvals":
      return `*waits for ✅ from ${waiting.missing || "the last"} of* ${waiting.people.map((person) => mention(slackOf(settings, person) ?? person)).join(" ")} until ${clockTime(waiting.until)}`;
    case "go":
      return `*${driver} can type* \`/migrate go\` until ${clockTime(waiting.until)}`;
    case "window":
      return `*${driver} can type* \`/migrate window\` to ask for ${windowWords[waiting.window]}`;
    case "start":
      return `*${driver} can type* \`/migrate start\``;
    case "resume":
      return `*on hold*${waiting.by === undefined ? "" : ` by ${plainName(waiting.by)}`}: ${driver} can type \`/migrate resume\``;
    case "mend":
      return `*${driver} has to look*: then \`/migrate retry\``;
  }
}

function phaseLines(snapshot: Snapshot, settings: BotSettings): string[] {
  const shown = snapshot.phases.filter((phase) => phase.state !== "waiting" || phase.name === snapshot.phase);
  const rest = snapshot.phases.filter((phase) => !shown.includes(phase));
  const later = rest.map((phase) => `${glyph.waiting} ${phaseWords[phase.name].name}`).join(" · ");
  return [...shown.map((phase) => phaseLine(phase, snapshot, settings)), ...(later === "" ? [] : [later])];
}

function phaseLine(phase: PhaseView, snapshot: Snapshot, settings: BotSettings): string {
  const words = [phaseWords[phase.name].name];
  if (phase.try > 1) words.push(`try ${phase.try}`);
  if (phase.summary !== undefined) words.push(esc(phase.summary));
  if (phase.name === "provision" && phase.state !== "waiting" && settings.aws)
    words.push(`bridge ${esc(settings.aws.bridge.instanceType)}, target ${esc(settings.aws.target.instanceClass)}`);
  if (phase.state === "done" && phase.ms !== undefined) words.push(duration(phase.ms));
  const running = phase.state === "running" || phase.state === "retrying";
  if (running && snapshot.phase === phase.name) {
    const moving = progressWords(snapshot.progress);
    words.push(...moving);
    if (snapshot.step && (moving.length === 0 || snapshot.window)) words.push(stepWords(snapshot.step.name));
  }
  if (phase.state === "retrying") words.push("tries again by itself");
  if (phase.state === "paused") words.push("paused");
  return `${phaseGlyph(phase)} ${words.join(" · ")}`;
}

function phaseGlyph(phase: PhaseView): string {
  const of = {
    waiting: glyph.waiting,
    running: glyph.running,
    retrying: glyph.running,
    paused: glyph.held,
    done: glyph.done,
    failed: glyph.failed,
  };
  return of[phase.state];
}

/** "212 of 300 GB · 118 MB/s  ▓▓▓▓▓▓▓░░░" */
export function progressWords(progress: Progress | undefined): string[] {
  if (!progress) return [];
  const { bytesDone, bytesTotal, bytesPerSecond, partsDone, partsTotal, tablesDone, tablesTotal, share } = progress;
  const words: string[] = [];
  if (bytesDone !== undefined && bytesTotal !== undefined && bytesTotal > 0)
    words.push(`${size(bytesDone)} of ${size(bytesTotal)}`);
  if (partsDone !== undefined && partsTotal !== undefined) words.push(`${partsDone} of ${counted(partsTotal, "part")}`);
  if (tablesDone !== undefined && tablesTotal !== undefined)
    words.push(`${tablesDone} of ${counted(tablesTotal, "table")}`);
  if (bytesPerSecond !== undefined && bytesPerSecond > 0) words.push(`${size(bytesPerSecond)}/s`);
  if (progress.note !== undefined) words.push(esc(progress.note));
  if (share !== undefined) words.push(bar(share));
  return words;
}

/** One line; the cause's own text stands in the thread. */
function faultLine({ fault }: Snapshot): string[] {
  if (!fault) return [];
  const said = `${phaseWords[fault.phase].name}: ${esc(firstLine(fault.message, 140))}`;
  if (fault.retriesAt !== undefined)
    return [`${glyph.running} ${said} · *tries again by itself*, cause in the thread · ${code(fault.code)}`];
  const remedy = fault.remedy ?? Object.entries(codes).find(([name]) => name === fault.code)?.[1].remedy;
  return [`${glyph.failed} ${said} · ${remedy === undefined ? "" : `${esc(remedy)} · `}${code(fault.code)}`];
}

/** That somebody acted past Slack stays on the card, with the latest of it. */
function glassLine({ breakGlass }: Snapshot): string[] {
  const last = breakGlass.at(-1);
  if (last === undefined) return [];
  const more = breakGlass.length > 1 ? ` (${breakGlass.length} times in all)` : "";
  return [
    `${glyph.needed} *break-glass ${esc(last.verb)}* by ${esc(last.by)} ${clockTime(new Date(last.at))}${more}: ${esc(firstLine(last.reason, 140))}`,
  ];
}

/** The watchdog's words when the worker has been silent while it should be working. */
function silence(snapshot: Snapshot): string | undefined {
  const { heardAt, takenAt } = snapshot;
  const working = snapshot.state === "active" && snapshot.waiting.kind === "nothing" && snapshot.phase !== "soak";
  if (!working || !heardAt || takenAt.getTime() - heardAt.getTime() < silentMs) return undefined;
  return `▲ no news from the worker since ${clockSeconds(heardAt)}, asking again`;
}

/**
 * Who is still needed for the open gates, one line a gate, from the evaluator's own tree: also what else stands against it, and
 * whose vote does not count. For `/migrate status`.
 */
export function gateLines(snapshot: Snapshot): string[] {
  return snapshot.approvals.map((gate) => {
    const voters =
      gate.voters.length === 0 ? "no votes yet" : `approved by ${allOf(gate.voters.map((voter) => voter.person))}`;
    const more = gate.missing > 0 ? `${gate.missing} more of ${anyOf(gate.stillNeeded)}` : "complete";
    const against = (gate.reasons?.because ?? []).filter(({ ok, name }) => !ok && name !== "two-people");
    const objections = against.map(({ says }) => ` · ${esc(says)}`).join("");
    const sign = gate.missing > 0 || against.length > 0 ? glyph.needed : glyph.done;
    return `${sign} gate ${gate.gate}: ${voters} · ${more}${objections} · until ${clockTime(gate.expiresAt)}`;
  });
}
