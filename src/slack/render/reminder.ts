import type { ApprovalView } from "../../report/approvals.ts";
import { textOf } from "../../report/facts.ts";
import type { StoredFacts } from "../../report/rows.ts";
import type { WindowView } from "../../report/windows.ts";
import { type Message, message } from "../limits.ts";
import { type BotSettings, slackOf } from "../settings.ts";
import { clockTime, code, glyph, mention } from "./text.ts";
import { windowWords } from "./words.ts";

/** What a reminder is about: the gates of one window. */
export interface Asked {
  readonly gates: readonly ApprovalView[];
  readonly window: WindowView | undefined;
  /** Now, by the journal's clock. */
  readonly takenAt: Date;
}

/** The gates that the facts `{ about }` name: `window-<id>`, or one approval's id. */
export function askedIn(facts: StoredFacts, gates: readonly ApprovalView[]): readonly ApprovalView[] {
  const about = textOf(facts, "about");
  return gates.filter((gate) => about === gate.id || about === `window-${gate.windowId}`);
}

/**
 * "Half of the time is over": who is still needed, mentioned, or that only `go` is missing. `undefined` when nobody can do
 * anything any more, and for the first reminder when the last one is due: two at once after an outage help nobody.
 */
export function renderReminder(facts: StoredFacts, asked: Asked, settings: BotSettings): Message | undefined {
  const { gates, takenAt } = asked;
  const [first] = gates;
  if (first === undefined || gates.some((gate) => !gate.undecided)) return undefined;
  const until = new Date(Math.min(...gates.map((gate) => gate.expiresAt.getTime())));
  const leftMs = until.getTime() - takenAt.getTime();
  const last = textOf(facts, "moment") === "tenth";
  if (leftMs <= 0 || (!last && leftMs <= (until.getTime() - first.createdAt.getTime()) / 10)) return undefined;
  const head = `${glyph.needed} *${nameOf(asked)}: ${last ? "time is nearly over" : "half of the time is over"}*, until ${clockTime(until)}`;
  return message([{ body: `${head} · ${whatIsMissing(gates, settings)}` }]);
}

function whatIsMissing(gates: readonly ApprovalView[], settings: BotSettings): string {
  const open = gates.filter((gate) => gate.missing > 0 || gate.state !== "ARMED");
  if (open.length === 0) {
    const askers = [...new Set(gates.flatMap((gate) => gate.requesters))];
    return `every gate is approved; ${ping(askers, settings)} can type \`/migrate go\`. Else it runs out, and nothing happens.`;
  }
  const people = [...new Set(open.flatMap((gate) => gate.stillNeeded))];
  const each = open.map((gate) => `${code(gate.gate)} needs ${gate.missing || "a look"}`);
  return `${each.join(", ")} · still needed: ${ping(people, settings) || "nobody who may is left"}. If it runs out, nothing happens and \`/migrate window\` asks anew.`;
}

/** Time ran out: what that means, and what to type. */
export function renderExpired({ gates, window }: Asked, settings: BotSettings): Message | undefined {
  const expired = gates.filter((gate) => gate.state === "EXPIRED");
  const [first] = expired;
  if (first === undefined) return undefined;
  const askers = ping([...new Set(first.requesters)], settings);
  const head = `${glyph.failed} *${nameOf({ gates, window })} was not opened in time*: ${expired.map(({ gate }) => code(gate)).join(", ")} ran out`;
  const rest =
    "Nothing happened, and nothing stops: everything runs on as before. The votes on these messages count for nothing now.";
  return message([
    { body: `${head}\n${rest}\n*What to do*: ${askers} can type \`/migrate window\`, which asks anew.` },
  ]);
}

function nameOf({ gates, window }: Pick<Asked, "gates" | "window">): string {
  const words = window === undefined ? `gate ${gates[0]?.gate ?? ""}` : windowWords[window.name];
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function ping(people: readonly string[], settings: BotSettings): string {
  return people.map((person) => mention(slackOf(settings, person) ?? person)).join(" ");
}
