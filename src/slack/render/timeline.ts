import type { JournalEvent } from "../../journal/events.ts";
import { isPhase } from "../../journal/phase.ts";
import { numberOf, textOf } from "../../report/facts.ts";
import { clockSeconds, code, duration, esc, firstLine, plainName } from "./text.ts";
import { phaseWords, stepWords, windowWords } from "./words.ts";

/** How much of the log `/migrate timeline` shows: lines, and characters of Slack text. */
export interface TimelineRoom {
  readonly lines: number;
  readonly characters: number;
}

/**
 * What happened when, a line an event, newest last, for Slack. Where not all fits the oldest go. Steps that merely began or
 * ended stay in the file's timeline.
 */
export function renderTimeline(events: readonly JournalEvent[], room: TimelineRoom): string {
  const told = events.flatMap((event) => {
    const says = sentence(event);
    return says === undefined ? [] : [`${clockSeconds(event.at)}  ${says}`];
  });
  const shown = told.slice(-room.lines);
  const more = (): string[] => {
    const left = told.length - shown.length;
    return left > 0 ? [`_${left} earlier; the final report has every step_`] : [];
  };
  const joined = (): string => [...more(), ...shown].join("\n");
  while (joined().length > room.characters && shown.length > 1) shown.shift();
  return joined();
}

/** Kinds that only a machine wants to know, or that another line says already. */
const untold: ReadonlySet<string> = new Set([
  "hold",
  "resume",
  "abort",
  "retry",
  "started",
  "phase-started",
  "phase-held",
  "step-started",
  "approval-pending",
  "approval-consumed",
]);

/** One event in words; `undefined` for what nobody misses. */
function sentence(event: JournalEvent): string | undefined {
  if (untold.has(event.kind)) return undefined;
  return ofPeople(event) ?? ofWork(event);
}

function ofPeople({ kind, actor, facts }: JournalEvent): string | undefined {
  const who = `*${plainName(actor)}*`;
  const gate = esc(textOf(facts, "gate") ?? "a gate");
  const window = windowName(textOf(facts, "window"));
  switch (kind) {
    case "command":
      return `${who} typed ${code(`/migrate ${textOf(facts, "verb") ?? ""}`)}`;
    case "vote":
      return facts["eligible"] === false
        ? `${who} reacted on gate ${gate}; it does not count`
        : `${who} ${facts["decision"] === "veto" ? "⛔ stopped" : "✅ approved"} gate ${gate}`;
    case "vote-withdrawn":
      return `${who} took the vote on gate ${gate} back`;
    case "approval-armed":
      return `gate ${gate} is complete`;
    case "approval-denied":
    case "approval-expired":
    case "approval-voided":
      return `gate ${gate} is ${kind.slice("approval-".length)}${because(facts)}`;
    case "break-glass":
      return `▲ *${esc(actor)} broke the glass: ${esc(textOf(facts, "verb") ?? "?")}*${because(facts)}`;
    case "break-glass-ended":
      return `▲ break-glass ${esc(textOf(facts, "verb") ?? "?")} ${Array.isArray(facts["failed"]) && facts["failed"].length > 0 ? "ended; not all of it was done" : "is done"}`;
    case "window-asked":
      return `${who} asked for ${window}`;
    case "window-opened":
      return `${window} opened, on ${who}'s word`;
    default:
      return undefined;
  }
}

function ofWork({ kind, facts }: JournalEvent): string | undefined {
  const phase = phaseName(textOf(facts, "phase"));
  const ms = numberOf(facts, "ms");
  const took = ms === undefined ? "" : ` after ${duration(ms)}`;
  switch (kind) {
    case "phase-done":
      return `● ${phase} done${took}`;
    case "phase-failed":
    case "phase-paused":
      return `✕ ${phase} ${kind.slice("phase-".length)}${because(facts)}`;
    case "step-failed":
      return `✕ ${stepWords(textOf(facts, "step") ?? "a step")} failed${took}${because(facts)}`;
    case "step-succeeded":
      return textOf(facts, "step") === "point-of-no-return" ? `*point of no return* of ${phase} passed` : undefined;
    case "put-back-started":
      return `↩ ${phase} is being put back${because(facts)}`;
    case "put-back":
      return `↩ ${windowName(textOf(facts, "window"))} was put back`;
    case "migration-completed":
      return "● *the migration is complete*";
    case "migration-aborted":
      return "↩ *the migration was aborted*";
    default:
      return `${esc(kind.replaceAll("-", " "))}${because(facts)}`;
  }
}

function because(facts: JournalEvent["facts"]): string {
  const reason = textOf(facts, "reason", "message");
  return reason === undefined ? "" : `: ${esc(firstLine(reason, 120))}`;
}

function windowName(name: string | undefined): string {
  return name === "window-1" || name === "window-2" || name === "retire" ? windowWords[name] : "the window";
}

function phaseName(name: string | undefined): string {
  return name !== undefined && isPhase(name) ? phaseWords[name].name : "a phase";
}
