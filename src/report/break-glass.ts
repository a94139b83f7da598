import { textOf } from "./facts.ts";
import type { EventRow } from "./rows.ts";

/** Somebody acted from the host's own terminal, past Slack. JSON-safe. */
export interface GlassView {
  /** ISO moment. */
  readonly at: string;
  readonly verb: string;
  readonly by: string;
  readonly reason: string;
  /** `unfinished`: nobody wrote what came of it. */
  readonly outcome: "done" | "failed" | "unfinished";
  /** What was done, and what was not, a sentence each. */
  readonly did: readonly string[];
  readonly failed: readonly string[];
}

/** Each time the glass was broken, with what came of it. Pure. */
export function glassViews(events: readonly EventRow[]): GlassView[] {
  return events
    .filter(({ kind }) => kind === "break-glass")
    .map(({ id, at, actor, facts }) => {
      const ended = events.find((each) => each.kind === "break-glass-ended" && textOf(each.facts, "of") === id)?.facts;
      const failed = listIn(ended?.["failed"]);
      return {
        at: at.toISOString(),
        verb: textOf(facts, "verb") ?? "?",
        by: actor,
        reason: textOf(facts, "reason") ?? "",
        outcome: ended === undefined ? "unfinished" : failed.length === 0 ? "done" : "failed",
        did: listIn(ended?.["did"]),
        failed,
      };
    });
}

function listIn(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
