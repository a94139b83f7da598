import type { ApprovalView } from "../../report/approvals.ts";
import type { WindowView } from "../../report/windows.ts";
import { type Message, message, type Part } from "../limits.ts";
import { type BotSettings, slackOf } from "../settings.ts";
import { ifWrong, whatHappens, whyNow } from "./gate-evidence.ts";
import { allOf, anyOf, clockTime, counted, esc, glyph, mention, plainName } from "./text.ts";
import { gateTitle, windowWords } from "./words.ts";

/** What the gate's card needs beside the approval. */
export interface GateContext {
  readonly window?: WindowView | undefined;
  /** All gates of the same window, in order, for "gate 1 of 3". */
  readonly siblings: readonly ApprovalView[];
}

/** The card of one gate (channel.md, "A gate"). Its substance never changes; only votes and outcome do. */
export function renderGate(gate: ApprovalView, context: GateContext, settings: BotSettings): Message {
  const title = gateTitle(gate.gate, context.window?.name, esc(settings.heroku.app));
  const place = placeWords(gate, context);
  const small = `plan ${esc(gate.digest.slice(0, 6))} · asked ${clockTime(gate.createdAt)} by ${anyOf(gate.requesters)} · what exactly runs is in the thread`;
  if (!gate.undecided)
    return message([{ body: outcome(gate, title, place, context) }, { small: `${voteLine(gate)} · ${small}` }]);
  const people = gate.stillNeeded.map((person) => mention(slackOf(settings, person) ?? person)).join(" ");
  const need =
    gate.missing > 0 ? `needs ${gate.missing} of ${people || "nobody who may"}` : "*complete*, waits for `/migrate go`";
  const sign = gate.missing > 0 ? glyph.needed : glyph.done;
  const why = whyNow(gate, context.window);
  const parts: Part[] = [
    { body: `${sign} *Approve: ${title}* (${place}) · ${need} · until ${clockTime(gate.expiresAt)}` },
    {
      body: [
        `*What happens*: ${whatHappens(gate, context.window)}`,
        ...(why === undefined ? [] : [`*Why now*: ${why}`]),
        ifWrong(gate, context.window),
      ].join("\n"),
    },
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

function voteLine(gate: ApprovalView): string {
  const words = gate.voters.map((voter) => `✅ ${plainName(voter.person)} ${clockTime(voter.at)}`);
  for (const person of gate.vetoes) words.push(`⛔ ${plainName(person)}`);
  if (gate.undecided) {
    words.push(
      gate.missing === 0 ? "enough" : gate.missing === 1 ? "one more ✅ needed" : `${gate.missing} people's ✅ needed`,
    );
    words.push("⛔ by any of them stops it");
    words.push(`not ${anyOf(gate.requesters)}, who asked`);
  }
  return words.join(" · ") || "nobody voted";
}

function outcome(gate: ApprovalView, title: string, place: string, { window }: GateContext): string {
  const reason = gate.stateReason === undefined ? "" : ` · ${esc(gate.stateReason)}`;
  const at = clockTime(gate.stateAt);
  switch (gate.state) {
    case "CONSUMED":
      return `${glyph.done} *Approved: ${title}* (${place}) · by ${allOf(gate.voters.map((voter) => voter.person))} · used ${at}${causedWords(window)}`;
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

/** What came of it, once the window that it opened has ended. */
function causedWords(window: WindowView | undefined): string {
  if (window?.state === "put-back") return ` · ${windowWords[window.name]} was put back`;
  return window?.state === "closed" ? ` · ${windowWords[window.name]} is done` : "";
}
