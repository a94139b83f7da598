import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";
import type { Phase } from "./phase.ts";

export type PhaseState = "waiting" | "running" | "retrying" | "paused" | "done" | "failed";

/** An error as the journal keeps it. */
export interface ErrorFacts extends JsonObject {
  readonly code: string;
  readonly message: string;
  readonly outcome: string;
  readonly step?: string;
}

/** Where one phase of one migration stands. */
export interface PhaseRun {
  readonly migrationId: string;
  readonly phase: Phase;
  /** Attempts of earlier tries do not count. */
  readonly try: number;
  readonly state: PhaseState;
  /** Failures in a row since the last step that succeeded. */
  readonly failures: number;
  readonly dueAt: Date | undefined;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly error: ErrorFacts | undefined;
}

interface PhaseRunRow {
  migration_id: string;
  phase: Phase;
  try: number;
  state: PhaseState;
  failures: number;
  due_at: Date | null;
  started_at: Date | null;
  ended_at: Date | null;
  error: ErrorFacts | null;
}

const columns = "migration_id, phase, try, state, failures, due_at, started_at, ended_at, error";

function fromRow(row: PhaseRunRow): PhaseRun {
  return {
    migrationId: row.migration_id,
    phase: row.phase,
    try: row.try,
    state: row.state,
    failures: row.failures,
    dueAt: row.due_at ?? undefined,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    error: row.error ?? undefined,
  };
}

/** One phase's row, if the migration came that far. */
export async function getPhaseRun(db: Queryable, migrationId: string, phase: Phase): Promise<PhaseRun | undefined> {
  const [row] = await db.query<PhaseRunRow>(
    `select ${columns} from journal.phase_run where migration_id = $1 and phase = $2`,
    [migrationId, phase],
  );
  return row && fromRow(row);
}

/** All phases that the migration has reached. */
export async function phaseRuns(db: Queryable, migrationId: string): Promise<PhaseRun[]> {
  const rows = await db.query<PhaseRunRow>(`select ${columns} from journal.phase_run where migration_id = $1`, [
    migrationId,
  ]);
  return rows.map(fromRow);
}

/** Makes sure that the phase has a row; a new one waits. */
export async function ensurePhase(db: Queryable, migrationId: string, phase: Phase): Promise<void> {
  await db.query(
    "insert into journal.phase_run (migration_id, phase, state) values ($1, $2, 'waiting') on conflict do nothing",
    [migrationId, phase],
  );
}

/** The phase runs now. Its first start is kept. */
export async function markRunning(db: Queryable, migrationId: string, phase: Phase): Promise<void> {
  await db.query(
    `update journal.phase_run set state = 'running', due_at = null,
       started_at = coalesce(started_at, clock_timestamp()), ended_at = null
     where migration_id = $1 and phase = $2`,
    [migrationId, phase],
  );
}

/** Whatever else a phase becomes. `dueInMs` counts from the journal's own now; without `error` the old one is cleared. */
export async function markPhase(
  db: Queryable,
  at: { readonly migrationId: string; readonly phase: Phase },
  to: {
    readonly state: Exclude<PhaseState, "running">;
    readonly failures?: number;
    readonly dueInMs?: number;
    readonly error?: ErrorFacts;
  },
): Promise<void> {
  await db.query(
    `update journal.phase_run set state = $3, failures = coalesce($4, failures),
       due_at = clock_timestamp() + $5::double precision * interval '1 millisecond', error = $6,
       ended_at = case when $3 in ('done', 'failed') then clock_timestamp() else null end
     where migration_id = $1 and phase = $2`,
    [
      at.migrationId,
      at.phase,
      to.state,
      to.failures,
      to.dueInMs,
      to.error === undefined ? undefined : encodeJson(to.error),
    ],
  );
}

/** A step succeeded: failures are counted from here on. */
export async function clearFailures(db: Queryable, migrationId: string, phase: Phase): Promise<void> {
  await db.query(
    `update journal.phase_run set failures = 0, error = null
     where migration_id = $1 and phase = $2 and (failures > 0 or error is not null)`,
    [migrationId, phase],
  );
}

/** People held the migration: the phase pauses, unless they let it go on in the meantime. */
export async function pauseIfHeld(db: Queryable, migrationId: string, phase: Phase): Promise<void> {
  await db.query(
    `update journal.phase_run p set due_at = null,
       state = case when m.intent = 'hold' then 'paused' else 'waiting' end
     from journal.migration m
     where m.id = p.migration_id and p.migration_id = $1 and p.phase = $2 and p.state <> 'done'`,
    [migrationId, phase],
  );
}

/** `resume` and `retry`: a paused or failed (or waiting for its next try) phase may run at once. @returns whether there was one. */
export async function releasePhase(db: Queryable, migrationId: string): Promise<boolean> {
  const rows = await db.query(
    `update journal.phase_run p set state = 'waiting', failures = 0, due_at = null, ended_at = null
     from journal.migration m
     where m.id = p.migration_id and p.migration_id = $1 and p.phase = m.phase
       and p.state in ('paused', 'failed', 'retrying') returning p.phase`,
    [migrationId],
  );
  return rows.length > 0;
}

/** The phase runs anew from its first step: nothing recorded in earlier tries counts. @returns the new try. */
export async function raiseTry(db: Queryable, migrationId: string, phase: Phase): Promise<number> {
  const [row] = await db.query<{ try: number }>(
    `insert into journal.phase_run as p (migration_id, phase, state) values ($1, $2, 'waiting')
     on conflict (migration_id, phase) do update set try = p.try + 1, state = 'waiting', failures = 0,
       due_at = null, started_at = null, ended_at = null
     returning try`,
    [migrationId, phase],
  );
  return row?.try ?? 1;
}
