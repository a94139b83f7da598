import { isPhase } from "../../journal/phase.ts";
import { numberOf, textOf } from "../../report/facts.ts";
import { reportHeadline } from "../../report/final-report.ts";
import type { FinalReport, LedgerFacts } from "../../report/final-report.ts";
import type { StoredFacts } from "../../report/rows.ts";
import type { FindingView } from "../../report/summaries.ts";
import { cut, limits, type Message, message, pieces } from "../limits.ts";
import type { BotSettings } from "../settings.ts";
import { counted, duration, esc, firstLine, glyph, whole } from "./text.ts";
import { phaseWords } from "./words.ts";

/** A line in the thread: facts `{ text, preformatted? }`. The text is plain and escaped here. */
export function renderNote(facts: StoredFacts): Message | undefined {
  const text = textOf(facts, "text");
  if (text === undefined) return undefined;
  if (facts["preformatted"] === true) return message(codeBlocks(text).map((body) => ({ body })));
  return message(pieces(esc(text)).map((body) => ({ body })));
}

/** Text from outside as code blocks that fit. Cut only when it is harmless: two halves of a secret are no longer found. */
function codeBlocks(text: string): string[] {
  const fence = "```";
  const inside = esc(text).replaceAll(fence, "'''");
  return pieces(inside, limits.section - 2 * fence.length).map((piece) => fence + piece + fence);
}

/** A phase ended: facts `{ phase, try?, outcome, ms?, summary?, eventLog? }`. */
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
  const head = textOf(facts, "eventLog");
  const line = { body: words.filter((word) => word !== "").join(" · ") };
  return message(head === undefined ? [line] : [line, { small: `event log ${esc(head)}` }]);
}

/** What preflight found, for the thread: each blocker and warning with its fix, notes folded into one line each. */
export function renderFindings(findings: readonly FindingView[]): Message {
  const of = (severity: FindingView["severity"]): FindingView[] =>
    findings.filter((each) => each.severity === severity);
  const [blockers, warnings, notes] = [of("blocker"), of("warning"), of("note")];
  const head = `${blockers.length > 0 ? glyph.failed : glyph.done} *Preflight: ${counted(blockers.length, "blocker")}, ${counted(warnings.length, "warning")}, ${counted(notes.length, "note")}*`;
  const next =
    blockers.length > 0
      ? "It goes no further until the blockers are mended; then `/migrate check`."
      : "Nothing stands in the way.";
  const each = [...blockers, ...warnings].map(
    ({ check, severity, message: says, fix }) =>
      `${severity === "blocker" ? glyph.failed : glyph.needed} *${severity} · ${esc(check)}*: ${esc(says)}\n      *Fix*: ${esc(fix)}`,
  );
  const folded = notes.map(({ check, message: says }) => `· ${esc(check)}: ${esc(firstLine(says, 180))}`);
  const texts = [`${head} · ${next}`, ...each, ...(folded.length === 0 ? [] : [["Notes", ...folded].join("\n")])];
  return message(texts.flatMap((text) => pieces(text)).map((body) => ({ body })));
}

/** The worker's answer to a command: `{ text, level? }`, for the person who typed it. */
export function renderReply(reply: StoredFacts | undefined): Message | undefined {
  const text = textOf(reply, "text");
  if (text === undefined) return undefined;
  const signs = { error: `${glyph.failed} `, refused: `${glyph.failed} `, warning: `${glyph.needed} ` };
  const sign = Object.entries(signs).find(([level]) => level === textOf(reply, "level"))?.[1] ?? "";
  return message(pieces(`${sign}${esc(text)}`).map((body) => ({ body })));
}

/** Somebody acted from the host's terminal: facts `{ verb, reason, by, did?, failed? }`. Loud, whatever came of it. */
export function renderGlass(facts: StoredFacts): Message | undefined {
  const verb = textOf(facts, "verb");
  if (verb === undefined) return undefined;
  const list = (name: string): string[] => (Array.isArray(facts[name]) ? facts[name].map(String) : []);
  const [did, failed] = [list("did"), list("failed")];
  const how =
    did.length + failed.length === 0 ? "under way" : failed.length === 0 ? "done" : "*not all of it was done*";
  const head = `${glyph.needed} *Break-glass: ${esc(verb)}* · from the host's terminal, past Slack · ${how}`;
  const lines = [
    head,
    `by ${esc(textOf(facts, "by") ?? "?")} · reason: ${esc(firstLine(textOf(facts, "reason") ?? "none given", 500))}`,
    ...did.map((what) => `${glyph.done} ${esc(firstLine(what, 600))}`),
    ...failed.map((what) => `${glyph.failed} ${esc(firstLine(what, 600))}`),
  ];
  const small =
    "It opened no gate, promoted nothing and did not change `DATABASE_URL`. Every report marks it. `/migrate status` says what comes next.";
  return message([{ body: cut(lines.join("\n"), 2_900) }, { small }]);
}

/** What the facts `{ acknowledged, missing, appOutageMs }` of the end say of a ledger, where one was kept. */
export function ledgerIn(facts: StoredFacts): LedgerFacts | undefined {
  const [acknowledged, missing] = [numberOf(facts, "acknowledged"), numberOf(facts, "missing")];
  if (acknowledged === undefined || missing === undefined) return undefined;
  const by = facts["appOutageMs"];
  const tries = Object.entries(typeof by === "object" && by !== null ? by : {}).map(
    ([window, list]: [string, unknown]) => [
      window,
      Array.isArray(list) ? list.map((ms) => (typeof ms === "number" ? ms : undefined)) : [],
    ],
  );
  return { acknowledged, missing, appOutageMs: Object.fromEntries(tries) };
}

/** The end, for the channel. What writes were missing is in the report where a ledger was kept. */
export function renderDone(report: FinalReport, facts: StoredFacts, settings: BotSettings): Message {
  const acknowledged = numberOf(facts, "acknowledged");
  const missing = numberOf(facts, "missing");
  const ledger =
    acknowledged === undefined || missing === undefined
      ? ""
      : ` · ${counted(acknowledged, "acknowledged write")}, ${whole(missing)} missing`;
  const head = `*${esc(settings.heroku.app)} runs on RDS* · ${esc(reportHeadline(report))}${ledger}`;
  const problems = report.problems.map((problem) => `${glyph.needed} ${esc(problem)}`);
  return message([
    { body: [`${problems.length === 0 ? glyph.done : glyph.needed} ${head}`, ...problems].join("\n") },
    { small: "The report is in the card's thread; `/migrate timeline` shows what happened when." },
  ]);
}
