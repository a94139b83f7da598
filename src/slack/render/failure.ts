import { listOf, numberOf, textOf } from "../../report/facts.ts";
import type { StoredFacts } from "../../report/rows.ts";
import type { Snapshot } from "../../report/snapshot.ts";
import { type Message, message, type Part } from "../limits.ts";
import { code, esc, glyph } from "./text.ts";
import { writesWords } from "./words.ts";

/**
 * Something failed: what happened, whether data is safe and where writes go, what Drawbridge did, what can be typed.
 * Facts, all text: `title` ("Window 1 was put back after 12 s"), `message`, `safe` ("nothing lost"), `did`, `type`
 * (what to do; the error code's remedy), `code`, `putBack: true`. Its `cause` goes to the thread.
 */
export function renderFailure(facts: StoredFacts, snapshot: Snapshot | undefined): Message {
  const writes = snapshot === undefined ? "" : ` · writes go to ${writesWords[snapshot.writesGo]}`;
  const title = esc(textOf(facts, "title") ?? `${textOf(facts, "phase") ?? "A step"} failed`);
  const sign = facts["putBack"] === true ? glyph.putBack : glyph.failed;
  const safe = textOf(facts, "safe");
  const parts: Part[] = [{ body: `${sign} *${title}*${writes}${safe === undefined ? "" : ` · *${esc(safe)}*`}` }];
  const what = [textOf(facts, "message"), textOf(facts, "did")]
    .filter((text) => text !== undefined)
    .map((text) => esc(text));
  if (what.length > 0) parts.push({ body: what.join("\n") });
  const next = textOf(facts, "type", "remedy");
  if (next !== undefined) parts.push({ body: `*What to do*: ${esc(next)}` });
  const fault = textOf(facts, "code");
  parts.push({
    small: [fault === undefined ? "" : code(fault), "cause and timings in the thread"]
      .filter((text) => text !== "")
      .join(" · "),
  });
  return message(parts);
}

/** The cause's own text and the timings, plain, for the thread; `undefined` when there are none. */
export function failureCause(facts: StoredFacts): string | undefined {
  const cause = textOf(facts, "cause");
  const timings = listOf(facts, "timings").map(
    (each) => `${textOf(each, "step") ?? "?"}: ${numberOf(each, "ms") ?? "?"} ms`,
  );
  const lines = [...(cause === undefined ? [] : [cause.slice(0, 2_000)]), ...timings];
  return lines.length === 0 ? undefined : lines.join("\n");
}
