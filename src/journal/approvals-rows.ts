import type { ApprovalState, Verdict } from "../approvals/policy.ts";
import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";
import type { Gate } from "./phase.ts";

export type { ApprovalState } from "../approvals/policy.ts";
/** What the evaluator said, as the journal keeps it. */
export type StoredVerdict = Verdict;

/** A gate's request for approval, bound to a digest of what would be done. */
export interface Approval {
  readonly id: string;
  readonly migrationId: string;
  readonly windowId: number | undefined;
  readonly gate: Gate;
  /** The step that it allows. */
  readonly step: string;
  readonly digest: string;
  /** What is hashed, for the card: resource ids, hosts, apps. */
  readonly subject: JsonObject;
  /** Shown on the card, not hashed. */
  readonly evidence: JsonObject;
  readonly requesters: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly channel: string | undefined;
  readonly messageTs: string | undefined;
  readonly state: ApprovalState;
  readonly stateReason: string | undefined;
  readonly stateAt: Date;
  /** What the evaluator said last: the bot's while people vote, the worker's once it is consumed. */
  readonly verdict: StoredVerdict | undefined;
}

interface ApprovalRow {
  id: string;
  migration_id: string;
  window_id: string | null;
  gate: Gate;
  step: string;
  digest: string;
  subject: JsonObject;
  evidence: JsonObject;
  requesters: string[];
  created_at: Date;
  expires_at: Date;
  channel: string | null;
  message_ts: string | null;
  state: ApprovalState;
  state_reason: string | null;
  state_at: Date;
  verdict: StoredVerdict | null;
}

const columns = `id, migration_id, window_id, gate, step, digest, subject, evidence, requesters, created_at,
  expires_at, channel, message_ts, state, state_reason, state_at, verdict`;

function fromRow(row: ApprovalRow): Approval {
  return {
    id: row.id,
    migrationId: row.migration_id,
    windowId: row.window_id === null ? undefined : Number(row.window_id),
    gate: row.gate,
    step: row.step,
    digest: row.digest,
    subject: row.subject,
    evidence: row.evidence,
    requesters: row.requesters,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    channel: row.channel ?? undefined,
    messageTs: row.message_ts ?? undefined,
    state: row.state,
    stateReason: row.state_reason ?? undefined,
    stateAt: row.state_at,
    verdict: row.verdict ?? undefined,
  };
}

/** Worker: asks for one gate. `expiresInMs` counts from the journal's now. */
export async function createApproval(
  tx: Queryable,
  ask: Pick<Approval, "id" | "migrationId" | "gate" | "step" | "digest" | "subject" | "evidence" | "requesters"> & {
    readonly windowId: number | undefined;
    readonly expiresInMs: number;
  },
): Promise<void> {
  await tx.query(
    `insert into journal.approval
       (id, migration_id, window_id, gate, step, digest, subject, evidence, requesters, expires_at, state)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() + $10::double precision * interval '1 millisecond', 'OPENING')`,
    [
      ask.id,
      ask.migrationId,
      ask.windowId,
      ask.gate,
      ask.step,
      ask.digest,
      encodeJson(ask.subject),
      encodeJson(ask.evidence),
      [...ask.requesters],
      ask.expiresInMs,
    ],
  );
}

/** One approval. */
export async function getApproval(db: Queryable, id: string): Promise<Approval | undefined> {
  const [row] = await db.query<ApprovalRow>(`select ${columns} from journal.approval where id = $1`, [id]);
  return row && fromRow(row);
}

/** A Slack message by its place. */
export interface MessageAt {
  readonly channel: string;
  readonly ts: string;
}

/** Ids of the approvals that these messages show; channel and timestamp have to match exactly. */
export async function approvalsByMessage(db: Queryable, messages: readonly MessageAt[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select distinct a.id from journal.approval a
     join unnest($1::text[], $2::text[]) as given (channel, ts) on a.channel = given.channel and a.message_ts = given.ts`,
    [messages.map(({ channel }) => channel), messages.map(({ ts }) => ts)],
  );
  return rows.map(({ id }) => id);
}

/** All approvals of a migration, or of one window of it, oldest first. */
export async function approvalsOf(db: Queryable, migrationId: string, windowId?: number): Promise<Approval[]> {
  const rows = await db.query<ApprovalRow>(
    `select ${columns} from journal.approval
     where migration_id = $1 and ($2::bigint is null or window_id = $2) order by created_at, id`,
    [migrationId, windowId],
  );
  return rows.map(fromRow);
}

/** A window's approvals, locked until the transaction ends. */
export async function lockApprovals(tx: Queryable, windowId: number): Promise<Approval[]> {
  const rows = await tx.query<ApprovalRow>(
    `select ${columns} from journal.approval where window_id = $1 order by id for update`,
    [windowId],
  );
  return rows.map(fromRow);
}

/** A migration's approvals whose state may still change (or, consumed, whose votes may still stop an open window). */
export async function openApprovals(db: Queryable, migrationId: string): Promise<Approval[]> {
  const rows = await db.query<ApprovalRow>(
    `select ${columns} from journal.approval a
     where a.migration_id = $1 and (a.state in ('OPENING', 'PENDING', 'ARMED') or (a.state = 'CONSUMED' and exists (
       select from journal.window_run w where w.id = a.window_id and w.state = 'open' and w.no_return_at is null)))
     order by a.created_at, a.id`,
    [migrationId],
  );
  return rows.map(fromRow);
}

/** Bot: remembers where the card stands. Refused once the approval is terminal. */
export async function placeApproval(db: Queryable, id: string, channel: string, messageTs: string): Promise<void> {
  await db.query("update journal.approval set channel = $2, message_ts = $3 where id = $1", [id, channel, messageTs]);
}

/**
 * Moves an approval on. The database refuses what the caller's part may not do, and everything once a terminal state is
 * reached. @returns false when it was not in one of the `from` states any more.
 */
export async function moveApproval(
  db: Queryable,
  id: string,
  move: {
    readonly from: readonly ApprovalState[];
    readonly to: ApprovalState;
    readonly reason?: string;
    /** What the move rests on; the one before is kept unless told. */
    readonly verdict?: StoredVerdict;
  },
): Promise<boolean> {
  const rows = await db.query(
    `update journal.approval set state = $2, state_reason = $3, verdict = coalesce($5::jsonb, verdict),
       verdict_at = case when $5::jsonb is null then verdict_at else clock_timestamp() end
     where id = $1 and state = any ($4) returning id`,
    [id, move.to, move.reason, [...move.from], move.verdict && encodeJson(move.verdict)],
  );
  return rows.length > 0;
}

/** Keeps what the evaluator said of an approval that is not decided yet. @returns whether it says something new. */
export async function keepVerdict(db: Queryable, id: string, verdict: StoredVerdict): Promise<boolean> {
  const rows = await db.query(
    `update journal.approval set verdict = $2, verdict_at = clock_timestamp()
     where id = $1 and state in ('OPENING', 'PENDING', 'ARMED') and verdict is distinct from $2::jsonb returning id`,
    [id, encodeJson(verdict)],
  );
  return rows.length > 0;
}

/** Worker: what was asked for is no longer what would be done; open approvals of the window are struck out. */
export async function supersedeApprovals(tx: Queryable, windowId: number, reason: string): Promise<void> {
  await tx.query(
    `update journal.approval set state = 'SUPERSEDED', state_reason = $2
     where window_id = $1 and state in ('OPENING', 'PENDING', 'ARMED')`,
    [windowId, reason],
  );
}

/** The approval of this gate and step that this window consumed: what a gated step needs to run. */
export async function consumedFor(
  db: Queryable,
  at: { readonly windowId: number; readonly gate: Gate; readonly step: string },
): Promise<string | undefined> {
  const [row] = await db.query<{ id: string }>(
    "select id from journal.approval where window_id = $1 and gate = $2 and step = $3 and state = 'CONSUMED'",
    [at.windowId, at.gate, at.step],
  );
  return row?.id;
}
