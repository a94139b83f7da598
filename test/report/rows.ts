import { phases } from "../../src/journal/phase.ts";
import type { AttemptRow, JournalRows, PhaseRow, WindowRow } from "../../src/report/rows.ts";

export const start = Date.UTC(2026, 10, 22, 9, 0, 0);

/** A moment so many seconds after nine o'clock. */
export function at(seconds: number): Date {
  return new Date(start + seconds * 1000);
}

export function attempt(phase: AttemptRow["phase"], step: string, change: Partial<AttemptRow> = {}): AttemptRow {
  return {
    id: "1",
    phase,
    step,
    try: 1,
    state: "succeeded",
    output: null,
    error: null,
    started_at: at(0),
    ended_at: at(1),
    ...change,
  };
}

export function phaseRow(phase: PhaseRow["phase"], change: Partial<PhaseRow> = {}): PhaseRow {
  return {
    phase,
    try: 1,
    state: "done",
    failures: 0,
    due_at: null,
    started_at: at(0),
    ended_at: at(60),
    error: null,
    ...change,
  };
}

export function windowRow(name: WindowRow["name"], change: Partial<WindowRow> = {}): WindowRow {
  return {
    id: name,
    name,
    try: 1,
    state: "closed",
    asked_by: "greg",
    forecast_ms: 40_000,
    asked_at: at(0),
    opened_at: at(10),
    deadline_at: at(130),
    no_return_at: at(14),
    ended_at: at(30),
    outcome: "closed",
    facts: { fenceCommittedAt: at(11).toISOString(), firstCommitAt: at(18.4).toISOString() },
    ...change,
  };
}

/** A migration at `now` seconds; what is not given is empty. */
export function rowsAt(
  now: number,
  change: Partial<JournalRows> = {},
  phase: PhaseRow["phase"] = "restore-bridge",
): JournalRows {
  return {
    migration: {
      id: "shop-production",
      state: "active",
      intent: "run",
      intent_by: null,
      phase,
      driver: "greg",
      created_at: at(-60),
      started_at: at(0),
      ended_at: null,
      now: at(now),
    },
    phases: [],
    attempts: [],
    windows: [],
    approvals: [],
    votes: [],
    samples: [],
    agent: undefined,
    glass: [],
    eventLog: `0:${"0".repeat(64)}`,
    ...change,
  };
}

/** Every phase done, everything verified, every gate consumed with two voters. */
export function finished(): JournalRows {
  const gate = (id: string, name: "maintenance" | "promote" | "database-url" | "retire") => ({
    id,
    window_id: "1",
    gate: name,
    step: `${name}-step`,
    digest: "d",
    subject: {},
    evidence: {},
    requesters: ["greg"],
    created_at: at(0),
    expires_at: at(600),
    channel: "C",
    message_ts: "1",
    state: "CONSUMED" as const,
    state_reason: null,
    state_at: at(9),
  });
  const gates = (["maintenance", "promote", "database-url", "retire"] as const).map((name) => gate(`g-${name}`, name));
  const vote = { decision: "approve" as const, eligible: true, reason: null, observed_at: at(5), withdrawn_at: null };
  return rowsAt(
    100,
    {
      phases: phases.map((name) => phaseRow(name)),
      attempts: [
        attempt("preflight", "run-checks", {
          output: { findings: [{ check: "8", severity: "warning", fix: "do it" }] },
        }),
        attempt("replicate", "copy-tables", { output: { tables: 77, rows: "251402113", bytes: 300e9 } }),
        attempt("cutover", "verify-rows", { output: { tables: 77, rows: 251402113, differences: 0 } }),
        attempt("cutover", "set-sequences", { output: { set: 70 } }),
      ],
      windows: [
        windowRow("window-1"),
        windowRow("window-2", {
          facts: { fenceCommittedAt: at(11).toISOString(), firstCommitAt: at(14.1).toISOString() },
        }),
      ],
      approvals: gates,
      votes: gates.flatMap(({ id }) =>
        ["ann", "bob"].map((person) => ({ ...vote, approval_id: id, person, slack_user: `U${person.toUpperCase()}` })),
      ),
    },
    "retire",
  );
}
