import { lastPassed, type Phase, phases } from "../journal/phase.ts";
import type { Queryable } from "../postgres/connect.ts";
import { type ApprovalView, approvalViews } from "./approvals.ts";
import { type GlassView, glassViews } from "./break-glass.ts";
import type { Range } from "./eta.ts";
import { textOf } from "./facts.ts";
import { type LagSeries, lagSeries } from "./lag.ts";
import { probeMsOf, type Progress, progressOf } from "./progress.ts";
import { type JournalRows, type PhaseRow, readRows, type StoredFacts } from "./rows.ts";
import { soakUntil, summaryOf } from "./summaries.ts";
import { type Waiting, waitingFor } from "./waiting.ts";
import { type WindowView, windowViews } from "./windows.ts";

/** Where the application writes now. */
export type WritesGo = "heroku" | "bridge" | "target";

/** One phase as the card shows it. */
export interface PhaseView {
  readonly name: Phase;
  readonly state: PhaseRow["state"];
  readonly try: number;
  readonly startedAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  /** Time so far, or in all, in milliseconds. */
  readonly ms?: number | undefined;
  readonly remaining?: Range | undefined;
  /** A few words on its outcome: "0 blockers, 3 warnings". */
  readonly summary?: string | undefined;
  /** When it ends by itself, where that was decided beforehand (the soak). */
  readonly until?: Date | undefined;
}

/** What went wrong last and is not mended yet. */
export interface Fault {
  readonly phase: Phase;
  readonly code: string;
  /** The fault and its causes, a line each; whoever shows it decides how much of it. */
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly try: number;
  /** It is tried again at this moment without anybody doing anything. */
  readonly retriesAt?: Date | undefined;
}

/** One migration at one moment. The card, `/migrate status`, `/migrate lag` and the log all read it (law 10). */
export interface Snapshot {
  /** By the journal's clock. */
  readonly takenAt: Date;
  readonly id: string;
  readonly state: "draft" | "active" | "completed" | "aborted";
  readonly intent: "run" | "hold" | "abort";
  readonly intentBy?: string | undefined;
  readonly driver: string;
  readonly phase: Phase;
  readonly createdAt: Date;
  readonly startedAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  /** All phases, in order. */
  readonly phases: readonly PhaseView[];
  /** The step that runs now. */
  readonly step?: { readonly name: string; readonly startedAt: Date; readonly ms: number } | undefined;
  readonly progress?: Progress | undefined;
  readonly lag?: LagSeries | undefined;
  /** How long a test write took to the bridge while it follows the archive: the slowest that counted, or the last. */
  readonly probeMs?: number | undefined;
  /** The window that people are asked for or that is open; otherwise none. */
  readonly window?: WindowView | undefined;
  /** Every try, oldest first. */
  readonly windows: readonly WindowView[];
  /** Approvals that still matter: not yet decided, or of the window above. */
  readonly approvals: readonly ApprovalView[];
  readonly fault?: Fault | undefined;
  readonly writesGo: WritesGo;
  readonly waiting: Waiting;
  /** The worker's last sign of life, where it has given one. */
  readonly heardAt?: Date | undefined;
  /** Where somebody acted from the host's terminal. */
  readonly breakGlass: readonly GlassView[];
}

/** Whom approvals wait for. */
export interface Approvers {
  readonly required: number;
  /** Names of everyone on the reviewed list. */
  readonly people: readonly string[];
}

/** Takes the snapshot; `undefined` when the migration does not exist yet. */
export async function takeSnapshot(
  db: Queryable,
  migrationId: string,
  approvers: Approvers = { required: 2, people: [] },
): Promise<Snapshot | undefined> {
  const rows = await readRows(db, migrationId);
  return rows === undefined ? undefined : snapshotOf(rows, approvers);
}

/** Computes the snapshot from what was read. Pure. */
export function snapshotOf(rows: JournalRows, approvers: Approvers): Snapshot {
  const { migration } = rows;
  const windows = windowViews(rows);
  const alive = windows.find((each) => each.state === "asking" || each.state === "open");
  const approvals = approvalViews(rows, approvers).filter(
    (each) => each.undecided || (alive !== undefined && each.windowId === alive.id),
  );
  const progress = progressOf(rows);
  const fault = faultOf(rows);
  const partial = {
    takenAt: migration.now,
    id: migration.id,
    state: migration.state,
    intent: migration.intent,
    intentBy: migration.intent_by ?? undefined,
    driver: migration.driver,
    phase: migration.phase,
    createdAt: migration.created_at,
    startedAt: migration.started_at ?? undefined,
    endedAt: migration.ended_at ?? undefined,
    phases: phases.map((name) => phaseView(name, rows, progress)),
    step: stepOf(rows),
    progress,
    lag: lagSeries(rows.samples),
    probeMs: probeMsOf(rows),
    window: alive,
    windows,
    approvals,
    fault,
    writesGo: writesGoOf(windows),
    heardAt: heardAt(rows),
    breakGlass: glassViews(rows.glass),
  };
  return { ...partial, waiting: waitingFor(partial) };
}

function phaseView(name: Phase, rows: JournalRows, progress: Progress | undefined): PhaseView {
  const row = rows.phases.find((each) => each.phase === name);
  const end = row?.ended_at ?? rows.migration.now;
  const running = row !== undefined && row.state !== "done" && progress?.phase === name;
  return {
    name,
    state: row?.state ?? "waiting",
    try: row?.try ?? 1,
    startedAt: row?.started_at ?? undefined,
    endedAt: row?.ended_at ?? undefined,
    ms: row?.started_at ? Math.max(0, end.getTime() - row.started_at.getTime()) : undefined,
    remaining: running ? progress.remaining : undefined,
    summary: summaryOf(name, rows),
    until: name === "soak" ? soakUntil(rows) : undefined,
  };
}

function stepOf(rows: JournalRows): Snapshot["step"] {
  const row = rows.phases.find((each) => each.phase === rows.migration.phase);
  const last = rows.attempts.findLast((each) => each.phase === row?.phase && each.try === row.try);
  if (last?.state !== "started" || row?.state === "done") return undefined;
  return { name: last.step, startedAt: last.started_at, ms: rows.migration.now.getTime() - last.started_at.getTime() };
}

function faultOf(rows: JournalRows): Fault | undefined {
  const row = rows.phases.find(
    (each) => each.error !== null && (each.state === "failed" || each.state === "paused" || each.state === "retrying"),
  );
  if (!row?.error) return bridgeFaultOf(rows);
  return {
    phase: row.phase,
    code: textOf(row.error, "code") ?? "DB_UNEXPECTED",
    message: textOf(row.error, "message") ?? "no message was recorded",
    remedy: textOf(row.error, "remedy"),
    try: row.try,
    retriesAt: row.state === "retrying" ? (row.due_at ?? rows.migration.now) : undefined,
  };
}

/** Between the phases no step looks at the bridge, but its agent does: what it gave up on blocks window 1. */
function bridgeFaultOf({ migration, agent, phases: runs }: JournalRows): Fault | undefined {
  const isWaiting = migration.phase === "follow" || migration.phase === "promote";
  const error = agent?.facts["error"];
  if (!isWaiting || agent?.kind !== "failed" || typeof error !== "object" || error === null) return undefined;
  const facts: StoredFacts = { ...error };
  return {
    phase: migration.phase,
    code: textOf(facts, "code") ?? "DB_BRIDGE",
    message: textOf(facts, "message") ?? "the bridge's agent failed",
    try: runs.find((each) => each.phase === migration.phase)?.try ?? 1,
  };
}

const writesGoAfter = { "window-1": "bridge", "window-2": "target" } as const;

function writesGoOf(windows: readonly WindowView[]): WritesGo {
  const passed = lastPassed(windows);
  return passed === undefined ? "heroku" : writesGoAfter[passed];
}

function heardAt(rows: JournalRows): Date | undefined {
  const signs = [
    ...rows.attempts.slice(-20).flatMap((each) => [each.started_at, each.ended_at]),
    ...rows.samples.slice(-1).map((each) => each.at),
    ...rows.phases.flatMap((each) => [each.started_at, each.ended_at]),
  ].filter((at): at is Date => at !== null);
  return signs.toSorted((a, b) => a.getTime() - b.getTime()).at(-1);
}
