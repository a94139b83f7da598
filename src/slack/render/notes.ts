import { isPhase } from "../../journal/phase.ts";
import { numberOf, textOf } from "../../report/facts.ts";
import { formatReport, reportHeadline } from "../../report/final-report.ts";
import type { FinalReport } from "../../report/final-report.ts";
import type { StoredFacts } from "../../report/rows.ts";
import { type Message, message, pieces } from "../limits.ts";
import type { BotSettings } from "../settings.ts";
import { codeBlock, duration, esc, glyph } from "./text.ts";
import { phaseWords } from "./words.ts";

/** A line in the thread: facts `{ text, preformatted? }`. The text is plain and escaped here. */
export function renderNote(facts: StoredFacts): Message | undefined {
  const text = textOf(facts, "text");
  if (text === undefined) return undefined;
  if (facts["preformatted"] === true) return message(pieces(text, 2_000).map((piece) => ({ body: codeBlock(piece) })));
  return message(pieces(esc(text)).map((body) => ({ body })));
}

/** A phase ended: facts `{ phase, try?, outcome, ms?, summary? }`. */
export function renderPhase(facts: StoredFacts): Message | undefined {
  const phase = textOf(facts, "phase");
  if (phase === undefined) return undefined;
  const name = isPhase(phase) ? phaseWords[phase].name : esc(phase);
  const outcome = textOf(facts, "outcome") ?? "done";
  const sign = outcome === "done" ? glyph.done : outcome === "started" ? glyph.running : glyph.failed;
  const ms = numberOf(facts, "ms");
  const tries = numberOf(facts, "try") ?? 1;
  const summary = textOf(facts, "summary");
  const words = [
    `${sign} ${name} ${esc(outcome)}`,
    tries > 1 ? `try ${tries}` : "",
    ms === undefined ? "" : duration(ms),
    summary === undefined ? "" : esc(summary),
  ];
  return message([{ body: words.filter((word) => word !== "").join(" · ") }]);
}

/** The worker's answer to a command: `{ text, level? }`, for the person who typed it. */
export function renderReply(reply: StoredFacts | undefined): Message | undefined {
  const text = textOf(reply, "text");
  if (text === undefined) return undefined;
  const sign = { error: `${glyph.failed} `, warning: `${glyph.needed} ` }[textOf(reply, "level") ?? ""] ?? "";
  return message(pieces(`${sign}${esc(text)}`).map((body) => ({ body })));
}

/** The end, for the channel. What writes were missing is in the facts `{ acknowledged, missing }` where a ledger was kept. */
export function renderDone(report: FinalReport, facts: StoredFacts, settings: BotSettings): Message {
  const acknowledged = numberOf(facts, "acknowledged");
  const ledger =
    acknowledged === undefined
      ? ""
      : ` · ${acknowledged} acknowledged writes, ${numberOf(facts, "missing") ?? "?"} missing`;
  return message([
    { body: `${glyph.done} *${esc(settings.heroku.app)} runs on RDS* · ${esc(reportHeadline(report))}${ledger}` },
    { small: "The report is in the thread; `/migrate timeline` shows what happened when." },
  ]);
}

/** The report as plain texts, each of which fits into one message of the thread. */
export function reportPieces(report: FinalReport): string[] {
  return pieces(formatReport(report), 2_000);
}
