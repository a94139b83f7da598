import type { Queryable } from "../postgres/connect.ts";
import type { Fencing } from "./fenced.ts";
import { encodeJson, type JsonObject } from "./json.ts";
import type { ErrorFacts } from "./phase-runs.ts";
import type { Phase } from "./phase.ts";

export type AttemptState = "started" | "succeeded" | "failed" | "invalid" | "undone";

/** One step in one try of its phase. */
export interface Place {
  readonly migrationId: string;
  readonly phase: Phase;
  readonly step: string;
  readonly try: number;
}

/** One attempt at a step. */
export interface Attempt extends Place {
  readonly id: bigint;
  readonly epoch: bigint;
  readonly state: AttemptState;
  readonly output: JsonObject | undefined;
  readonly error: ErrorFacts | undefined;
  readonly worker: string;
  readonly startedAt: Date;
  readonly endedAt: Date | undefined;
}

interface AttemptRow {
  id: string;
  migration_id: string;
  phase: Phase;
  step: string;
  try: number;
  epoch: string;
  state: AttemptState;
  output: JsonObject | null;
  error: ErrorFacts | null;
  worker: string;
  started_at: Date;
  ended_at: Date | null;
}

const columns = "id, migration_id, phase, step, try, epoch, state, output, error, worker, started_at, ended_at";

function fromRow(row: AttemptRow): Attempt {
  return {
    id: BigInt(row.id),
    migrationId: row.migration_id,
    phase: row.phase,
    step: row.step,
    try: row.try,
    epoch: BigInt(row.epoch),
    state: row.state,
    output: row.output ?? undefined,
    error: row.error ?? undefined,
    worker: row.worker,
    startedAt: row.started_at,
    endedAt: row.ended_at ?? undefined,
  };
}

/** The success that makes running the step again unnecessary, if there is one. */
export async function recordedSuccess(db: Queryable, place: Place): Promise<Attempt | undefined> {
  const [row] = await db.query<AttemptRow>(
    `select ${columns} from journal.step_attempt
     where migration_id = $1 and phase = $2 and step = $3 and try = $4 and state = 'succeeded' order by id desc limit 1`,
    [place.migrationId, place.phase, place.step, place.try],
  );
  return row && fromRow(row);
}

/**
 * What a step recorded last: in the given try where the step belongs to that phase, else in any other phase. A success
 * of an earlier try of the same phase does not count.
 */
export async function lastOutput(
  db: Queryable,
  from: { readonly migrationId: string; readonly phase: Phase; readonly try: number },
  step: string,
): Promise<JsonObject | undefined> {
  const [row] = await db.query<{ output: JsonObject | null }>(
    `select output from journal.step_attempt
     where migration_id = $1 and step = $2 and state = 'succeeded' and (phase <> $3 or try = $4)
     order by phase = $3 desc, id desc limit 1`,
    [from.migrationId, step, from.phase, from.try],
  );
  return row?.output ?? undefined;
}

/** Every attempt of a phase, oldest first; of all tries unless one is named. */
export async function attemptsOf(
  db: Queryable,
  at: { readonly migrationId: string; readonly phase: Phase; readonly try?: number },
): Promise<Attempt[]> {
  const rows = await db.query<AttemptRow>(
    `select ${columns} from journal.step_attempt
     where migration_id = $1 and phase = $2 and ($3::integer is null or try = $3) order by id`,
    [at.migrationId, at.phase, at.try],
  );
  return rows.map(fromRow);
}

/** Writes `started`. To be called inside `fenced`, before any effect. @returns the attempt's id. */
export async function startAttempt(tx: Queryable, place: Place, fencing: Fencing, worker: string): Promise<bigint> {
  const [row] = await tx.query<{ id: string }>(
    `insert into journal.step_attempt (migration_id, phase, step, try, epoch, state, worker)
     values ($1, $2, $3, $4, $5, 'started', $6) returning id`,
    [place.migrationId, place.phase, place.step, place.try, fencing.epoch, worker],
  );
  return BigInt(row?.id ?? 0);
}

/** Writes how an attempt ended. To be called inside `fenced`. @returns how long it took, in milliseconds by the journal's clock. */
export async function finishAttempt(
  tx: Queryable,
  id: bigint,
  end: { readonly output: JsonObject } | { readonly error: ErrorFacts },
): Promise<number> {
  const ok = "output" in end;
  const [row] = await tx.query<{ ms: number }>(
    `update journal.step_attempt set state = $2, output = $3, error = $4, ended_at = clock_timestamp()
     where id = $1 returning (extract(epoch from clock_timestamp() - started_at) * 1000)::integer as ms`,
    [id, ok ? "succeeded" : "failed", ok ? encodeJson(end.output) : undefined, ok ? undefined : encodeJson(end.error)],
  );
  return row?.ms ?? 0;
}

/**
 * The recorded successes of these steps no longer count: what they were proven on is gone. The steps run again in the
 * same try and keep their undo notes. To be called inside `fenced`.
 */
export async function invalidate(
  tx: Queryable,
  at: { readonly migrationId: string; readonly phase: Phase; readonly try: number },
  steps: readonly string[],
): Promise<void> {
  await markAttempts(tx, at, steps, "invalid", ["succeeded"]);
}

/** The effects of these steps were taken back. To be called inside `fenced`. */
export async function markUndone(
  tx: Queryable,
  at: { readonly migrationId: string; readonly phase: Phase; readonly try: number },
  steps: readonly string[],
): Promise<void> {
  await markAttempts(tx, at, steps, "undone", ["started", "succeeded", "failed", "invalid"]);
}

async function markAttempts(
  tx: Queryable,
  at: { readonly migrationId: string; readonly phase: Phase; readonly try: number },
  steps: readonly string[],
  to: AttemptState,
  from: readonly AttemptState[],
): Promise<void> {
  await tx.query(
    `update journal.step_attempt set state = $5, ended_at = coalesce(ended_at, clock_timestamp())
     where migration_id = $1 and phase = $2 and try = $3 and step = any ($4) and state = any ($6)`,
    [at.migrationId, at.phase, at.try, [...steps], to, [...from]],
  );
}

/** How long a step took: all its attempts, and the time of the last that succeeded. */
export interface StepTiming {
  readonly phase: Phase;
  readonly step: string;
  readonly attempts: number;
  readonly ms: number;
}

/** Measured times of all steps of a migration, in the order in which they first ran. */
export async function timings(db: Queryable, migrationId: string): Promise<StepTiming[]> {
  return db.query<{ phase: Phase; step: string; attempts: number; ms: number }>(
    `select phase, step, count(*)::integer as attempts,
       coalesce((array_agg((extract(epoch from ended_at - started_at) * 1000)::integer order by id desc)
         filter (where state = 'succeeded'))[1],
         (max(extract(epoch from ended_at - started_at)) * 1000)::integer, 0) as ms
     from journal.step_attempt where migration_id = $1 group by phase, step order by min(id)`,
    [migrationId],
  );
}
