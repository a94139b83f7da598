import { type Phase, windowFacts, type WindowName } from "../journal/phase.ts";
import { dateOf, numberOf } from "./facts.ts";
import type { AttemptRow, JournalRows, StoredFacts, WindowRow } from "./rows.ts";

/** One step of a window, with its time so far. */
export interface WindowStep {
  readonly name: string;
  readonly state: "running" | "done" | "failed" | "undone";
  readonly ms: number;
}

/** One try of a window. */
export interface WindowView {
  readonly id: string;
  readonly name: WindowName;
  readonly phase: Phase;
  readonly try: number;
  readonly state: WindowRow["state"];
  readonly askedBy: string;
  readonly askedAt: Date;
  readonly forecastMs: number;
  readonly openedAt?: Date | undefined;
  readonly deadlineAt?: Date | undefined;
  /** From here it only goes forward. */
  readonly noReturnAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  readonly outcome?: string | undefined;
  /** In the order in which they first ran. */
  readonly steps: readonly WindowStep[];
  /** When the fence was committed: the database took no writes from then on. */
  readonly fencedAt?: Date | undefined;
  /** First commit on the new primary by the application. */
  readonly firstCommitAt?: Date | undefined;
  /** From when to when visitors saw the maintenance page. */
  readonly siteDownAt?: Date | undefined;
  readonly siteBackAt?: Date | undefined;
  /** What was compared before the switch, where the window compares. */
  readonly compared?: { readonly tables: number; readonly rows: number; readonly differences: number } | undefined;
  /** From the fence to the first commit, in milliseconds; where both are known. */
  readonly databaseOutageMs?: number | undefined;
  readonly facts: StoredFacts;
}

/** Every try of every window, oldest first. */
export function windowViews(rows: JournalRows): WindowView[] {
  return rows.windows.map((row) => viewOf(row, rows));
}

function viewOf(row: WindowRow, rows: JournalRows): WindowView {
  const { phase } = windowFacts[row.name];
  const attempts = rows.attempts.filter((each) => each.phase === phase && each.try === row.try);
  const fencedAt = dateOf(row.facts, "fenceCommittedAt");
  const firstCommitAt = dateOf(row.facts, "firstCommitAt");
  return {
    id: row.id,
    name: row.name,
    phase,
    try: row.try,
    state: row.state,
    askedBy: row.asked_by,
    askedAt: row.asked_at,
    forecastMs: row.forecast_ms,
    openedAt: row.opened_at ?? undefined,
    deadlineAt: row.deadline_at ?? undefined,
    noReturnAt: row.no_return_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    outcome: row.outcome ?? undefined,
    steps: row.opened_at === null ? [] : stepsOf(attempts, rows.migration.now),
    fencedAt,
    firstCommitAt,
    siteDownAt: attempts.find((each) => each.step === "turn-maintenance-on" && each.state !== "failed")?.started_at,
    siteBackAt:
      attempts.findLast((each) => each.step === "turn-maintenance-off" && each.state === "succeeded")?.ended_at ??
      undefined,
    compared: comparedOf(attempts),
    databaseOutageMs: fencedAt && firstCommitAt ? firstCommitAt.getTime() - fencedAt.getTime() : undefined,
    facts: row.facts,
  };
}

function comparedOf(attempts: readonly AttemptRow[]): WindowView["compared"] {
  const output = attempts.findLast((each) => each.step === "verify-rows" && each.state === "succeeded")?.output;
  const [tables, rows] = [numberOf(output, "tables"), numberOf(output, "rows")];
  if (tables === undefined || rows === undefined) return undefined;
  const found = output?.["differences"];
  return { tables, rows, differences: Array.isArray(found) ? found.length : (numberOf(output, "differences") ?? 0) };
}

const stateOf = {
  started: "running",
  succeeded: "done",
  failed: "failed",
  invalid: "failed",
  undone: "undone",
} as const;

function stepsOf(attempts: readonly AttemptRow[], now: Date): WindowStep[] {
  const steps = new Map<string, WindowStep>();
  for (const attempt of attempts) {
    const ms = (attempt.ended_at ?? now).getTime() - attempt.started_at.getTime();
    const before = steps.get(attempt.step)?.ms ?? 0;
    // a step that ran twice took the sum of both, for those who waited
    steps.set(attempt.step, { name: attempt.step, state: stateOf[attempt.state], ms: before + Math.max(0, ms) });
  }
  return [...steps.values()];
}
