import { numberOf } from "../../report/facts.ts";
import type { Snapshot } from "../../report/snapshot.ts";
import type { WindowStep, WindowView } from "../../report/windows.ts";
import { type Message, message } from "../limits.ts";
import type { BotSettings } from "../settings.ts";
import { clockSeconds, counted, duration, esc, glyph, whole } from "./text.ts";
import { stepWords, windowWords, writesWords } from "./words.ts";

const stepGlyph = { running: glyph.running, done: glyph.done, failed: glyph.failed, undone: glyph.putBack } as const;

/** The one message of a window, edited while it runs (channel.md, "In a window"). */
export function renderWindow(window: WindowView, snapshot: Snapshot, settings: BotSettings): Message {
  const steps = window.steps.map((step) => stepLine(step)).join("\n");
  const ended = window.endedAt === undefined ? "" : ` · ended ${clockSeconds(window.endedAt)}`;
  const small = `try ${window.try} · deadline ${window.deadlineAt === undefined ? "none" : clockSeconds(window.deadlineAt)}${ended}`;
  return message([{ body: headline(window, snapshot, settings) }, { body: steps }, { small }]);
}

function headline(window: WindowView, snapshot: Snapshot, settings: BotSettings): string {
  const name = `${windowWords[window.name]} of ${esc(settings.heroku.app)}`;
  const stopped = stoppedMs(window, snapshot.takenAt);
  switch (window.state) {
    case "asking":
      return `${glyph.needed} *Approvals for ${name} are asked for* · each gate has its own message below · about ${duration(window.forecastMs)} without writes`;
    case "open": {
      const time = stopped === undefined ? "writes still go through" : `writes stopped for ${duration(stopped)}`;
      const point =
        window.name === "retire"
          ? ""
          : window.noReturnAt === undefined
            ? " · *can still be put back* (⛔ or `/migrate abort`)"
            : " · *past the point of no return, going forward*";
      return `${glyph.running} *${cap(name)} is open* · ${time} of about ${duration(window.forecastMs)}${point}`;
    }
    case "closed":
      return `${glyph.done} *${cap(name)} is done* · ${closedWords(window, stopped)} · writes go to ${writesWords[snapshot.writesGo]}`;
    case "put-back":
      return `${glyph.putBack} *${cap(name)} was put back*${after(window)} · writes go to ${writesWords[snapshot.writesGo]} as before · \`/migrate window\` asks again`;
    case "cancelled":
      return `${glyph.failed} *${cap(name)} was not opened*${window.outcome === undefined ? "" : ` · ${esc(window.outcome)}`} · \`/migrate window\` asks again`;
  }
}

function closedWords(window: WindowView, stopped: number | undefined): string {
  if (window.name === "retire") return "the bridge is gone";
  const words = [stopped === undefined ? "writes are back" : `writes are back after ${duration(stopped)}`];
  const acknowledged = numberOf(window.facts, "acknowledged");
  const missing = numberOf(window.facts, "missing");
  if (acknowledged !== undefined && missing !== undefined) {
    words.push(`${whole(missing)} of ${counted(acknowledged, "acknowledged write")} missing`);
  }
  return words.join(", ");
}

function after(window: WindowView): string {
  if (window.openedAt === undefined || window.endedAt === undefined) return "";
  return ` after ${duration(window.endedAt.getTime() - window.openedAt.getTime())}`;
}

/** How long the database has taken no writes, in milliseconds; `undefined` before the fence. */
function stoppedMs(window: WindowView, now: Date): number | undefined {
  if (window.fencedAt === undefined) return undefined;
  const end = window.firstCommitAt ?? window.endedAt ?? now;
  return Math.max(0, end.getTime() - window.fencedAt.getTime());
}

function stepLine(step: WindowStep): string {
  return `${stepGlyph[step.state]} ${stepWords(step.name)} · ${step.state === "undone" ? "put back" : duration(step.ms)}`;
}

function cap(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
