import { isPhase } from "../../journal/phase.ts";
import { listOf, numberOf, textOf } from "../../report/facts.ts";
import type { StoredFacts } from "../../report/rows.ts";
import type { Snapshot } from "../../report/snapshot.ts";
import type { WindowView } from "../../report/windows.ts";
import { type Message, message, type Part } from "../limits.ts";
import { code, duration, esc, firstLine, glyph } from "./text.ts";
import { phaseWords, stepWords, windowEnds, windowWords, writesWords } from "./words.ts";

/**
 * Something failed: what happened, whether data is safe and where writes go, what Drawbridge did, what can be typed.
 * Facts: `title`, `message`, `safe` ("nothing lost"), `did`, `type` (what to do; the error code's remedy), `code`, `phase`,
 * `windowId`, `putBack: true`. Its `cause` goes to the thread.
 */
export function renderFailure(facts: StoredFacts, snapshot: Snapshot | undefined): Message {
  const window = windowOf(facts, snapshot);
  const putBack = facts["putBack"] === true;
  const safe = textOf(facts, "safe");
  const headline = [
    `${putBack ? glyph.putBack : glyph.failed} *${titleOf(facts, window)}*`,
    writesNow(snapshot, window, putBack),
    safe === undefined ? "" : `*${esc(safe)}*`,
  ];
  const parts: Part[] = [{ body: headline.filter((text) => text !== "").join(" · ") }];
  const said = textOf(facts, "message");
  const what = [said === undefined ? "" : sentence(esc(firstLine(said, 280))), didWords(facts, putBack)];
  if (what.some((text) => text !== "")) parts.push({ body: what.filter((text) => text !== "").join("\n") });
  parts.push({ body: `*What to do*: ${todo(facts, putBack)}` });
  const fault = textOf(facts, "code");
  const small = [fault === undefined ? "" : code(fault), "cause and timings in the thread"];
  parts.push({ small: small.filter((text) => text !== "").join(" · ") });
  return message(parts);
}

function windowOf(facts: StoredFacts, snapshot: Snapshot | undefined): WindowView | undefined {
  const id = textOf(facts, "windowId");
  return id === undefined ? undefined : snapshot?.windows.find((each) => each.id === id);
}

function titleOf(facts: StoredFacts, window: WindowView | undefined): string {
  if (facts["putBack"] === true && window !== undefined) {
    const name = windowWords[window.name];
    const took =
      window.openedAt && window.endedAt
        ? ` after ${duration(window.endedAt.getTime() - window.openedAt.getTime())}`
        : "";
    return `${name.charAt(0).toUpperCase()}${name.slice(1)} was put back${took}`;
  }
  const phase = textOf(facts, "phase") ?? "";
  const title = textOf(facts, "title") ?? `${phase === "" ? "A step" : phase} failed`;
  const named = isPhase(phase) ? title.replace(phase, phaseWords[phase].name) : title;
  return esc(named.charAt(0).toUpperCase() + named.slice(1));
}

/** Of a window that was put back, where writes went then; the snapshot may be of a later day. */
function writesNow(snapshot: Snapshot | undefined, window: WindowView | undefined, putBack: boolean): string {
  if (putBack && window !== undefined) return `writes go to ${writesWords[windowEnds[window.name].before]} as before`;
  return snapshot === undefined ? "" : `writes go to ${writesWords[snapshot.writesGo]}`;
}

function didWords(facts: StoredFacts, putBack: boolean): string {
  if (putBack)
    return "Everything that the window had done is taken back: writes are open, site and dynos are as before it.";
  const did = textOf(facts, "did");
  return did === undefined ? "" : sentence(esc(firstLine(did, 280)));
}

function todo(facts: StoredFacts, putBack: boolean): string {
  const remedy = textOf(facts, "type", "remedy");
  const says = remedy === undefined ? "" : sentence(esc(remedy));
  const typed = putBack
    ? "`/migrate window` asks for approvals again, when you want to try again."
    : whatToType(textOf(facts, "phase"));
  return says.includes("/migrate") ? says : [says, typed].filter((text) => text !== "").join(" ");
}

function whatToType(phase: string | undefined): string {
  if (phase === "preflight") return "mend what is named in the thread, then `/migrate check`.";
  const retry = "`/migrate retry` goes on where it stopped";
  // after window 2 an abort is refused
  return phase === "soak" || phase === "retire" ? `${retry}.` : `${retry}, \`/migrate abort\` gives up.`;
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

/** The cause's own text, what was undone and the timings, plain, for the thread; `undefined` when there are none. */
export function failureCause(facts: StoredFacts, snapshot?: Snapshot): string | undefined {
  const cause = textOf(facts, "cause");
  const did = textOf(facts, "did");
  const steps = windowOf(facts, snapshot)?.steps ?? [];
  const timings = [
    ...listOf(facts, "timings").map((each) => ({ name: textOf(each, "step") ?? "?", ms: numberOf(each, "ms") ?? 0 })),
    ...steps,
  ].map(({ name, ms }) => `  ${stepWords(name).replaceAll("`", "")} (${name}): ${duration(ms)}`);
  const lines = [
    ...(cause === undefined ? [] : [cause.slice(0, 2_000)]),
    ...(did === undefined ? [] : [did]),
    ...(timings.length === 0 ? [] : ["timings", ...timings]),
  ];
  return cause === undefined && timings.length === 0 ? undefined : lines.join("\n");
}
