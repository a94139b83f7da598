import { numberOf } from "../../report/facts.ts";
import type { Snapshot } from "../../report/snapshot.ts";
import type { WindowStep, WindowView } from "../../report/windows.ts";
import { type Message, message } from "../limits.ts";
import type { BotSettings } from "../settings.ts";
import { clockSeconds, clockTime, counted, duration, esc, glyph, whole } from "./text.ts";
import { stepWords, windowEnds, windowWords, writesWords } from "./words.ts";

const stepGlyph = { running: glyph.running, done: glyph.done, failed: glyph.failed, undone: glyph.putBack } as const;

/** The one message of a window, edited while it runs (channel.md, "In a window"). */
export function renderWindow(window: WindowView, snapshot: Snapshot, settings: BotSettings): Message {
  const steps = window.steps.map((step) => stepLine(step, window)).join("\n");
  const small = [window.try > 1 ? `try ${window.try}` : "", deadlineWords(window), endWords(window)];
  return message([
    { body: headline(window, snapshot, settings) },
    { body: steps },
    { small: small.filter((text) => text !== "").join(" · ") },
  ]);
}

function deadlineWords({ state, noReturnAt, deadlineAt }: WindowView): string {
  return state === "open" && noReturnAt === undefined && deadlineAt !== undefined
    ? `put back by itself at ${clockSeconds(deadlineAt)} unless it is past the point of no return by then`
    : "";
}

function endWords({ openedAt, endedAt, noReturnAt }: WindowView): string {
  const words = openedAt === undefined ? [] : [`opened ${clockSeconds(openedAt)}`];
  if (endedAt !== undefined && noReturnAt !== undefined) words.push(`point of no return ${clockSeconds(noReturnAt)}`);
  if (endedAt !== undefined && openedAt !== undefined) words.push(`ended ${clockSeconds(endedAt)}`);
  return words.join(" · ");
}

function headline(window: WindowView, snapshot: Snapshot, settings: BotSettings): string {
  const name = `${windowWords[window.name]} of ${esc(settings.heroku.app)}`;
  const { before, after } = windowEnds[window.name];
  switch (window.state) {
    case "asking":
      return `${glyph.needed} *Approvals for ${name} are asked for* · each gate has its own message · ${window.name === "retire" ? "the site does not notice" : `about ${duration(window.forecastMs)} without writes`}`;
    case "open":
      return `${glyph.running} *${cap(name)} is open* · ${openWords(window, snapshot)}`;
    case "closed":
      return `${glyph.done} *${cap(name)} is done* · ${closedWords(window)} · writes go to ${writesWords[after]}`;
    case "put-back":
      return `${glyph.putBack} *${cap(name)} was put back*${tookWords(window)} · nothing lost · writes go to ${writesWords[before]} as before · \`/migrate window\` asks again`;
    case "cancelled":
      return `${glyph.failed} *${cap(name)} was not opened*${window.outcome === undefined ? "" : ` · ${esc(window.outcome)}`} · \`/migrate window\` asks again`;
  }
}

/** Time since writes stopped, and whether there is still a way back: what everybody asks in these seconds. */
function openWords(window: WindowView, { takenAt }: Snapshot): string {
  if (window.name === "retire") return "the site does not notice";
  const { fencedAt, firstCommitAt, siteBackAt, noReturnAt } = window;
  const { before, after } = windowEnds[window.name];
  if (window.facts["puttingBack"] !== undefined)
    return `*being put back*${fencedAt === undefined ? "" : `, writes stopped for ${since(fencedAt, takenAt)}`} · they return to ${writesWords[before]}, nothing lost`;
  const point =
    noReturnAt === undefined
      ? "*can still be put back* (⛔ on a gate, or `/migrate abort`)"
      : "*past the point of no return, going forward*";
  const about = `about ${duration(window.forecastMs)}`;
  if (fencedAt === undefined) return `writes still go through, they will stop for ${about} · ${point}`;
  if (firstCommitAt === undefined) return `writes stopped for ${since(fencedAt, takenAt)} of ${about} · ${point}`;
  const site =
    siteBackAt === undefined ? "dynos are starting" : `visitors are back since ${clockTime(siteBackAt)}, finishing up`;
  return `${writesWords[after]} takes writes after ${since(fencedAt, firstCommitAt)} · ${site} · ${point}`;
}

function closedWords(window: WindowView): string {
  if (window.name === "retire") return "the bridge is gone";
  const { fencedAt, firstCommitAt, siteDownAt, siteBackAt, compared, facts } = window;
  const words = [
    fencedAt && firstCommitAt ? `writes stopped ${since(fencedAt, firstCommitAt)} at the database` : "writes are back",
  ];
  const [acknowledged, missing] = [numberOf(facts, "acknowledged"), numberOf(facts, "missing")];
  if (acknowledged !== undefined && missing !== undefined)
    words.push(`${whole(missing)} of ${counted(acknowledged, "acknowledged write")} missing`);
  if (compared) words.push(`${counted(compared.rows, "row")} compared, ${counted(compared.differences, "difference")}`);
  if (siteDownAt && siteBackAt) words.push(`maintenance page for ${since(siteDownAt, siteBackAt)}`);
  return words.join(" · ");
}

function tookWords({ openedAt, endedAt, fencedAt, steps }: WindowView): string {
  if (openedAt === undefined || endedAt === undefined) return "";
  const took = ` after ${since(openedAt, endedAt)}`;
  if (fencedAt !== undefined) return `${took} · writes stopped for ${since(fencedAt, endedAt)}`;
  // a stop that was cut short left no time of its own: nothing is said of it rather than something wrong
  const touched = steps.some(({ name }) => name === "stop-writers" || name.startsWith("fence-"));
  return touched ? took : `${took} · writes never stopped`;
}

function since(from: Date, to: Date): string {
  return duration(Math.max(0, to.getTime() - from.getTime()));
}

function stepLine(step: WindowStep, window: WindowView): string {
  const name =
    step.name === "point-of-no-return" && step.state === "done" ? `*${stepWords(step.name)}*` : stepWords(step.name);
  // seconds of a running step would be an edit a second; the headline counts already
  const time =
    step.state === "undone"
      ? "put back"
      : step.state === "running" && window.state === "open"
        ? "…"
        : duration(step.ms);
  return `${stepGlyph[step.state]} ${name} · ${time}`;
}

function cap(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
