import { gates, phases } from "../journal/phase.ts";
import type { Queryable } from "../postgres/connect.ts";
import { approvalViews } from "./approvals.ts";
import { type GlassView, glassViews } from "./break-glass.ts";
import { numberOf } from "./facts.ts";
import { type JournalRows, readRows } from "./rows.ts";
import { findingsOf, lastOutput } from "./summaries.ts";
import { windowViews } from "./windows.ts";

/** What only a ledger outside the database can know. */
export interface LedgerFacts {
  readonly acknowledged: number;
  readonly missing: number;
  /** By window, in the order of its tries: from the last acknowledged write before to the first after. */
  readonly appOutageMs: Readonly<Record<string, readonly (number | undefined)[]>>;
}

/** The whole migration in numbers, from the journal (and a ledger, where one was kept). JSON-safe. */
export interface FinalReport {
  readonly ok: boolean;
  /** Every reason why it is not ok, in words. */
  readonly problems: readonly string[];
  readonly migration: string;
  readonly phases: readonly { readonly name: string; readonly ms: number; readonly outcome: string }[];
  readonly windows: readonly ReportedWindow[];
  readonly copied: { readonly tables: number; readonly rows: number; readonly bytes: number };
  readonly verified: { readonly tables: number; readonly rows: number; readonly differences: number };
  readonly sequences: { readonly set: number };
  readonly writes: { readonly acknowledged: number; readonly missing: number } | undefined;
  readonly steps: readonly {
    readonly phase: string;
    readonly step: string;
    readonly attempts: number;
    readonly ms: number;
  }[];
  readonly approvals: readonly { readonly gate: string; readonly step: string; readonly voters: readonly string[] }[];
  readonly findings: readonly { readonly check: string; readonly severity: string; readonly fix: string }[];
  /** Where somebody acted from the host's terminal; empty in a run that went by the rules. */
  readonly breakGlass: readonly GlassView[];
  /** The event log's end, for `timeline verify --head`. */
  readonly eventLog: string;
}

export interface ReportedWindow {
  readonly name: string;
  readonly try: number;
  readonly outcome: string;
  readonly appOutageMs: number | undefined;
  readonly databaseOutageMs: number | undefined;
}

/** Builds the report; `undefined` when the migration does not exist. */
export async function buildReport(
  db: Queryable,
  migrationId: string,
  ledger?: LedgerFacts,
): Promise<FinalReport | undefined> {
  const rows = await readRows(db, migrationId);
  return rows === undefined ? undefined : reportOf(rows, ledger);
}

/** Computes the report from what was read. Pure. */
export function reportOf(rows: JournalRows, ledger?: LedgerFacts): FinalReport {
  const copy = lastOutput(rows, "replicate", "copy-tables");
  // the last verification counts: that of window 2 looks at what went over
  const verify = rows.attempts.findLast((each) => each.step === "verify-rows" && each.state === "succeeded")?.output;
  const sequences = rows.attempts.findLast(
    (each) => each.step === "set-sequences" && each.state === "succeeded",
  )?.output;
  const report = {
    migration: rows.migration.id,
    phases: reportedPhases(rows),
    windows: reportedWindows(rows, ledger),
    copied: {
      tables: numberOf(copy, "tables") ?? 0,
      rows: numberOf(copy, "rows") ?? 0,
      bytes: numberOf(copy, "bytes") ?? 0,
    },
    verified: {
      tables: numberOf(verify, "tables") ?? 0,
      rows: numberOf(verify, "rows") ?? 0,
      differences: differencesOf(verify),
    },
    sequences: { set: numberOf(sequences, "set") ?? 0 },
    writes: ledger && { acknowledged: ledger.acknowledged, missing: ledger.missing },
    steps: reportedSteps(rows),
    approvals: reportedApprovals(rows),
    findings: (findingsOf(rows) ?? []).map(({ check, severity, fix }) => ({ check, severity, fix })),
    breakGlass: glassViews(rows.glass),
    eventLog: rows.eventLog,
  };
  const verified = verify !== undefined && verify !== null;
  const problems = problemsOf(report, verified);
  return { ok: problems.length === 0, problems, ...report };
}

type Unjudged = Omit<FinalReport, "ok" | "problems">;

function problemsOf(report: Unjudged, verified: boolean): string[] {
  const problems = report.phases
    .filter((phase) => phase.outcome !== "succeeded")
    .map((phase) => `phase ${phase.name}: ${phase.outcome}`);
  if (!verified) problems.push("the rows were not compared");
  if (report.verified.differences > 0) problems.push(`${report.verified.differences} tables differ`);
  if (report.writes !== undefined && report.writes.missing > 0)
    problems.push(`${report.writes.missing} acknowledged writes are missing`);
  for (const approval of report.approvals) {
    if (new Set(approval.voters).size < 2) problems.push(`${approval.step} ran with fewer than two voters`);
  }
  for (const gate of gates) {
    if (!report.approvals.some((approval) => approval.gate === gate))
      problems.push(`nobody was asked for gate ${gate}`);
  }
  return problems;
}

/** A number, or a list of them by table. What cannot be read counts as a difference. */
function differencesOf(output: JournalRows["attempts"][number]["output"] | undefined): number {
  if (output === null || output === undefined) return 0;
  const found = output["differences"];
  return Array.isArray(found) ? found.length : (numberOf(output, "differences") ?? 1);
}

function reportedPhases(rows: JournalRows): FinalReport["phases"] {
  return phases.map((name) => {
    const row = rows.phases.find((each) => each.phase === name);
    const ended = row?.ended_at ?? rows.migration.now;
    const outcome = row === undefined ? "not started" : row.state === "done" ? "succeeded" : row.state;
    return { name, ms: row?.started_at ? Math.max(0, ended.getTime() - row.started_at.getTime()) : 0, outcome };
  });
}

function reportedWindows(rows: JournalRows, ledger: LedgerFacts | undefined): ReportedWindow[] {
  const seen = new Map<string, number>();
  return windowViews(rows)
    .filter((window) => window.openedAt !== undefined && window.name !== "retire")
    .map((window) => {
      const at = seen.get(window.name) ?? 0;
      seen.set(window.name, at + 1);
      const outcome = window.state === "closed" ? "succeeded" : window.state;
      const appOutageMs = ledger?.appOutageMs[window.name]?.[at];
      return { name: window.name, try: window.try, outcome, appOutageMs, databaseOutageMs: window.databaseOutageMs };
    });
}

function reportedSteps(rows: JournalRows): FinalReport["steps"] {
  const steps = new Map<string, { phase: string; step: string; attempts: number; ms: number }>();
  for (const attempt of rows.attempts) {
    const key = `${attempt.phase}/${attempt.step}`;
    const entry = steps.get(key) ?? { phase: attempt.phase, step: attempt.step, attempts: 0, ms: 0 };
    entry.attempts += 1;
    entry.ms += attempt.ended_at === null ? 0 : Math.max(0, attempt.ended_at.getTime() - attempt.started_at.getTime());
    steps.set(key, entry);
  }
  return [...steps.values()];
}

/** Only what was used to run something; people by name, each once. */
function reportedApprovals(rows: JournalRows): FinalReport["approvals"] {
  return approvalViews(rows, { required: 2, people: [] })
    .filter((approval) => approval.state === "CONSUMED")
    .map(({ gate, step, voters }) => ({ gate, step, voters: voters.map((voter) => voter.person) }));
}

/** One line: how long writes stopped, by the database's clock and, with a ledger, by the app's; what was compared. */
export function reportHeadline(report: FinalReport): string {
  const done = report.windows.filter((window) => window.outcome === "succeeded");
  const times = done.length === 1 ? "once" : done.length === 2 ? "twice" : `${done.length} times`;
  const atDatabase = `${done.map((window) => seconds(window.databaseOutageMs)).join(" and ")} at the database`;
  const asSeen = done.some((window) => window.appOutageMs !== undefined)
    ? `, ${done.map((window) => seconds(window.appOutageMs)).join(" and ")} as the app saw it`
    : "";
  const stopped = done.length === 0 ? "writes never stopped" : `writes stopped ${times}: ${atDatabase}${asSeen}`;
  const { tables, rows, differences } = report.verified;
  return `${stopped} · ${n(tables)} tables, ${n(rows)} rows compared, ${n(differences)} differences`;
}

/** The report as plain text of fixed width, for the terminal and the thread. */
export function formatReport(report: FinalReport): string {
  const lines = [`${report.ok ? "OK" : "NOT OK"}  ${report.migration}  ${reportHeadline(report)}`];
  for (const problem of report.problems) lines.push(`  problem: ${problem}`);
  lines.push("", "phases");
  for (const phase of report.phases)
    lines.push(`  ${phase.name.padEnd(16)} ${seconds(phase.ms).padStart(9)}  ${phase.outcome}`);
  lines.push("", "windows                     app out   database out");
  for (const window of report.windows) {
    lines.push(
      `  ${`${window.name} try ${window.try}`.padEnd(18)} ${seconds(window.appOutageMs).padStart(12)} ${seconds(window.databaseOutageMs).padStart(14)}  ${window.outcome}`,
    );
  }
  const { copied, verified, sequences, writes } = report;
  lines.push("", `copied    ${n(copied.tables)} tables, ${n(copied.rows)} rows, ${n(copied.bytes)} bytes`);
  lines.push(
    `verified  ${n(verified.tables)} tables, ${n(verified.rows)} rows, ${n(verified.differences)} differences`,
    `sequences ${n(sequences.set)} set`,
  );
  if (writes) lines.push(`writes    ${n(writes.acknowledged)} acknowledged, ${n(writes.missing)} missing`);
  lines.push("", "approvals");
  for (const approval of report.approvals)
    lines.push(`  ${approval.gate.padEnd(14)} ${approval.step.padEnd(24)} ${approval.voters.join(", ")}`);
  if (report.findings.length > 0) lines.push("", "findings of preflight");
  for (const { check, severity, fix } of report.findings)
    lines.push(`  ${severity.padEnd(8)} ${check.padEnd(18)} ${fix}`);
  if (report.breakGlass.length > 0) lines.push("", "BREAK-GLASS: somebody acted past Slack and its approvals");
  for (const { at, verb, by, reason, outcome, did, failed } of report.breakGlass) {
    lines.push(`  ${at}  ${verb} by ${by}: ${outcome}; reason: ${reason}`);
    lines.push(...did.map((what) => `    done: ${what}`), ...failed.map((what) => `    NOT DONE: ${what}`));
  }
  lines.push("", `event log ${report.eventLog}`);
  return lines.join("\n");
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "?" : `${(ms / 1000).toFixed(1)} s`;
}

function n(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
