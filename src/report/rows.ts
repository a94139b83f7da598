import type { StoredVerdict } from "../journal/approvals-rows.ts";
import type { Gate, Phase, WindowName } from "../journal/phase.ts";
import type { Queryable } from "../postgres/connect.ts";

/** Facts from a jsonb column, read with the helpers of facts.ts. */
export type StoredFacts = Readonly<Record<string, unknown>>;

export interface MigrationRow {
  readonly id: string;
  readonly state: "draft" | "active" | "completed" | "aborted";
  readonly intent: "run" | "hold" | "abort";
  readonly intent_by: string | null;
  readonly phase: Phase;
  readonly driver: string;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly now: Date;
}

export interface PhaseRow {
  readonly phase: Phase;
  readonly try: number;
  readonly state: "waiting" | "running" | "retrying" | "paused" | "done" | "failed";
  readonly failures: number;
  readonly due_at: Date | null;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly error: StoredFacts | null;
}

export interface AttemptRow {
  readonly id: string;
  readonly phase: Phase;
  readonly step: string;
  readonly try: number;
  readonly state: "started" | "succeeded" | "failed" | "invalid" | "undone";
  readonly output: StoredFacts | null;
  readonly error: StoredFacts | null;
  readonly started_at: Date;
  readonly ended_at: Date | null;
}

export interface WindowRow {
  readonly id: string;
  readonly name: WindowName;
  readonly try: number;
  readonly state: "asking" | "open" | "closed" | "put-back" | "cancelled";
  readonly asked_by: string;
  readonly forecast_ms: number;
  readonly asked_at: Date;
  readonly opened_at: Date | null;
  readonly deadline_at: Date | null;
  readonly no_return_at: Date | null;
  readonly ended_at: Date | null;
  readonly outcome: string | null;
  readonly facts: StoredFacts;
}

export interface ApprovalRow {
  readonly id: string;
  readonly window_id: string | null;
  readonly gate: Gate;
  readonly step: string;
  readonly digest: string;
  readonly subject: StoredFacts;
  readonly evidence: StoredFacts;
  readonly requesters: readonly string[];
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly channel: string | null;
  readonly message_ts: string | null;
  readonly state: "OPENING" | "PENDING" | "ARMED" | "CONSUMED" | "DENIED" | "EXPIRED" | "SUPERSEDED" | "VOIDED";
  readonly state_reason: string | null;
  readonly state_at: Date;
  /** The evaluator's last word; absent until the bot has looked once. */
  readonly verdict?: StoredVerdict | null;
}

export interface VoteRow {
  readonly approval_id: string;
  readonly person: string;
  readonly slack_user: string;
  readonly decision: "approve" | "veto";
  readonly eligible: boolean;
  readonly reason: string | null;
  readonly observed_at: Date;
  readonly withdrawn_at: Date | null;
}

export interface SampleRow {
  readonly at: Date;
  readonly kind: string;
  readonly facts: StoredFacts;
}

/** An event of the log that reports mark. */
export interface EventRow {
  readonly id: string;
  readonly at: Date;
  readonly kind: string;
  readonly actor: string;
  readonly facts: StoredFacts;
}

/** Everything of one migration that reports are computed from, read once. */
export interface JournalRows {
  readonly migration: MigrationRow;
  readonly phases: readonly PhaseRow[];
  /** In the order in which they were written. */
  readonly attempts: readonly AttemptRow[];
  readonly windows: readonly WindowRow[];
  readonly approvals: readonly ApprovalRow[];
  readonly votes: readonly VoteRow[];
  /** Samples of lag and progress of the last hour, at most 400, oldest first. */
  readonly samples: readonly SampleRow[];
  /** What the agent said last. */
  readonly agent: SampleRow | undefined;
  /** Where somebody broke the glass, oldest first. */
  readonly glass: readonly EventRow[];
  /** The event log's end, `NUMBER:HASH`. */
  readonly eventLog: string;
}

/** Reads one migration; `undefined` when there is none of that name. The clock is the database's. */
export async function readRows(db: Queryable, migrationId: string): Promise<JournalRows | undefined> {
  const [migration] = await db.query<MigrationRow>(
    `select id, state, intent, intent_by, phase, driver, created_at, started_at, ended_at, clock_timestamp() as now
       from journal.migration where id = $1`,
    [migrationId],
  );
  if (!migration) return undefined;
  const of = <Row extends object>(sql: string): Promise<Row[]> => db.query<Row>(sql, [migrationId]);
  const [phases, attempts, windows, approvals, votes, samples, agent, glass, log] = await Promise.all([
    of<PhaseRow>(`select phase, try, state, failures, due_at, started_at, ended_at, error
                    from journal.phase_run where migration_id = $1`),
    of<AttemptRow>(`select id, phase, step, try, state, output, error, started_at, ended_at
                      from journal.step_attempt where migration_id = $1 order by id`),
    of<WindowRow>(`select id, name, try, state, asked_by, forecast_ms, asked_at, opened_at, deadline_at, no_return_at,
                          ended_at, outcome, facts
                     from journal.window_run where migration_id = $1 order by id`),
    of<ApprovalRow>(`select id, window_id, gate, step, digest, subject, evidence, requesters, created_at, expires_at,
                            channel, message_ts, state, state_reason, state_at, verdict
                       from journal.approval where migration_id = $1 order by created_at, id`),
    of<VoteRow>(`select v.approval_id, v.person, v.slack_user, v.decision, v.eligible, v.reason, v.observed_at, v.withdrawn_at
                   from journal.vote v join journal.approval a on a.id = v.approval_id
                  where a.migration_id = $1 order by v.observed_at, v.slack_user`),
    of<SampleRow>(`select at, kind, facts from (
                     select at, kind, facts from journal.sample
                      where migration_id = $1 and kind in ('lag', 'progress') and at > clock_timestamp() - interval '1 hour'
                      order by at desc limit 400) recent order by at`),
    of<SampleRow>(`select at, state as kind, facts from journal.agent_state where migration_id = $1`),
    of<EventRow>(`select id, at, kind, actor, facts from journal.event
                   where migration_id = $1 and kind in ('break-glass', 'break-glass-ended') order by id`),
    db.query<{ end: string }>("select id || ':' || hash as end from journal.event_head"),
  ]);
  const eventLog = log[0]?.end ?? "";
  return { migration, phases, attempts, windows, approvals, votes, samples, agent: agent[0], glass, eventLog };
}
