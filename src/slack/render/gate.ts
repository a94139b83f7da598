import type { ApprovalView } from "../../report/approvals.ts";
import { numberOf, textOf } from "../../report/facts.ts";
import type { WritesGo } from "../../report/snapshot.ts";
import type { WindowView } from "../../report/windows.ts";
import { type Message, message, type Part } from "../limits.ts";
import { type BotSettings, slackOf } from "../settings.ts";
import { allOf, anyOf, clockTime, counted, duration, esc, glyph, mention, plainName } from "./text.ts";
import { gateTitle, windowWords, writesWords } from "./words.ts";

/** What the gate's card needs beside the approval. */
export interface GateContext {
  readonly window?: WindowView | undefined;
  /** All gates of the same window, in order, for "gate 1 of 3". */
  readonly siblings: readonly ApprovalView[];
  readonly writesGo: WritesGo;
}

/** The card of one gate (channel.md, "A gate"). Its substance never changes; only votes and outcome do. */
export function renderGate(gate: ApprovalView, context: GateContext, settings: BotSettings): Message {
  const title = gateTitle(gate.gate, context.window?.name, esc(settings.heroku.app));
  const place = placeWords(gate, context);
  const small = `plan ${esc(gate.digest.slice(0, 6))} · step ${esc(gate.step)} · asked ${clockTime(gate.createdAt)} by ${anyOf(gate.requesters)}`;
  if (!gate.undecided) return message([{ body: outcome(gate, title, place) }, { body: voteLine(gate) }, { small }]);
  const people = gate.stillNeeded.map((person) => mention(slackOf(settings, person) ?? person)).join(" ");
  const need =
    gate.missing > 0 ? `needs ${gate.missing} of ${people || "nobody who may"}` : "*complete*, waits for `/migrate go`";
  const sign = gate.missing > 0 ? glyph.needed : glyph.done;
  const parts: Part[] = [
    { body: `${sign} *Approve: ${title}* (${place}) · ${need} · until ${clockTime(gate.expiresAt)}` },
    { body: `*What happens*: ${whatHappens(gate, context)}` },
    ...evidence(gate),
    { body: `*If it goes wrong*: ${ifWrong(gate, context)}` },
    { body: voteLine(gate) },
    { small },
  ];
  return message(parts);
}

function placeWords(gate: ApprovalView, { window, siblings }: GateContext): string {
  const at = siblings.findIndex((each) => each.id === gate.id);
  const name = window === undefined ? "" : `${windowWords[window.name]}, `;
  return at < 0 ? `${name}gate ${gate.gate}` : `${name}gate ${at + 1} of ${siblings.length}`;
}

function whatHappens(gate: ApprovalView, { window }: GateContext): string {
  const said = textOf(gate.evidence, "whatHappens");
  if (said !== undefined) return esc(said);
  const dynos = numberOf(gate.evidence, "dynos");
  const stops = dynos === undefined ? "all dynos stop" : `${counted(dynos, "dyno")} stop`;
  const forecast = window === undefined ? "" : ` About ${duration(window.forecastMs)} without writes.`;
  switch (gate.gate) {
    case "maintenance":
      return `visitors see the maintenance page, ${stops}, the database takes no writes.${forecast}`;
    case "promote":
      return "the bridge stops following Heroku Postgres and becomes a primary of its own.";
    case "database-url":
      return `the app starts again with a new \`DATABASE_URL\`, on ${window?.name === "window-2" ? "RDS" : "the bridge"}. From here it only goes forward.`;
    case "retire":
      return "replication back ends, the bridge is terminated. After this there is no way back.";
  }
}

/** Shown, not hashed: the guards look again when the step runs. */
function evidence(gate: ApprovalView): Part[] {
  const words: string[] = [];
  const said = textOf(gate.evidence, "whyNow");
  if (said !== undefined) words.push(esc(said));
  const lagMs = numberOf(gate.evidence, "lagMs");
  if (lagMs !== undefined) words.push(`lag ${duration(lagMs)}`);
  const segmentAgeMs = numberOf(gate.evidence, "segmentAgeMs");
  if (segmentAgeMs !== undefined) words.push(`last segment in the archive ${duration(segmentAgeMs)} ago`);
  const blockers = numberOf(gate.evidence, "blockers");
  if (blockers !== undefined) words.push(counted(blockers, "blocker"));
  return words.length === 0 ? [] : [{ body: `*Why now*: ${words.join(" · ")}.` }];
}

function ifWrong(gate: ApprovalView, { writesGo, window }: GateContext): string {
  if (gate.gate === "retire") return "what is left over is listed, and nothing of production depends on it.";
  if (gate.gate !== "database-url")
    return `before the switch everything goes back to ${writesWords[writesGo]}, nothing lost.`;
  return window?.name === "window-2"
    ? "the way back stays open: the bridge is kept current until it is retired."
    : "Drawbridge makes the release again until it succeeds; the data is on the bridge.";
}

function voteLine(gate: ApprovalView): string {
  const words = gate.voters.map((voter) => `✅ ${plainName(voter.person)} ${clockTime(voter.at)}`);
  for (const person of gate.vetoes) words.push(`⛔ ${plainName(person)}`);
  if (gate.undecided) {
    words.push(gate.missing === 0 ? "enough" : gate.missing === 1 ? "one more needed" : `${gate.missing} needed`);
    words.push("⛔ by any of them stops it");
    words.push(`not ${anyOf(gate.requesters)}, who asked`);
  }
  return words.join(" · ") || "nobody voted";
}

function outcome(gate: ApprovalView, title: string, place: string): string {
  const reason = gate.stateReason === undefined ? "" : ` · ${esc(gate.stateReason)}`;
  const at = clockTime(gate.stateAt);
  switch (gate.state) {
    case "CONSUMED":
      return `${glyph.done} *Approved: ${title}* (${place}) · by ${allOf(gate.voters.map((voter) => voter.person))} · used ${at}`;
    case "DENIED":
      return `⛔ *Stopped: ${title}* (${place}) · by ${allOf(gate.vetoes)} ${at} · nothing happens · \`/migrate window\` asks anew`;
    case "EXPIRED":
      return `${glyph.failed} *Expired: ${title}* (${place}) · ${at} without ${counted(gate.required, "approval")} that were used · nothing happens · \`/migrate window\` asks anew`;
    case "SUPERSEDED":
      return `${glyph.failed} ~Approve: ${title}~ (${place}) · *no longer asked*${reason} · votes here count for nothing`;
    case "VOIDED":
    case "OPENING":
    case "PENDING":
    case "ARMED":
      return `${glyph.failed} ~Approve: ${title}~ (${place}) · *void*${reason} · \`/migrate window\` asks anew`;
  }
}
