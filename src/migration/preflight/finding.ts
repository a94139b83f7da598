import type { PreflightFacts } from "./facts.ts";

/** How grave a finding is: `blocker` stops the migration, `warning` asks for a decision, `note` is only to be known. */
export type Severity = "blocker" | "warning" | "note";

/** Something that preflight found: what is wrong and where, in plain words, and what to type or change. */
export interface Finding {
  readonly check: string;
  readonly severity: Severity;
  readonly message: string;
  readonly fix: string;
}

/** A finding before its check's name is put on it. */
export type Remark = Omit<Finding, "check">;

/** One check: pure, facts in and remarks out. `undefined` when the facts that it needs could not be read. */
export interface Check {
  /** kebab-case, shown to people: `large-objects` */
  readonly name: string;
  readonly judge: (facts: PreflightFacts) => readonly Remark[] | undefined;
}

export const blocker = (message: string, fix: string): Remark => ({ severity: "blocker", message, fix });
export const warning = (message: string, fix: string): Remark => ({ severity: "warning", message, fix });
export const note = (message: string, fix: string): Remark => ({ severity: "note", message, fix });

/** Names in a sentence: the first few, then how many more. */
export function listed(names: readonly string[], most = 8): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** `1 table`, `3 tables`. */
export function count(n: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${n} ${Number(n) === 1 ? noun : plural}`;
}

/** A span in words: `90 s`, `12 min`, `5 h`, `3 days`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
