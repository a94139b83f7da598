import type { Queryable } from "../postgres/connect.ts";

/** What one Slack account said about one approval. A vote is a fact, never a trigger. */
export interface Vote {
  readonly approvalId: string;
  readonly person: string;
  readonly slackUser: string;
  readonly decision: "approve" | "veto";
  readonly eligible: boolean;
  /** Why it does not count, where it does not. */
  readonly reason: string | undefined;
  readonly observedAt: Date;
  readonly withdrawnAt: Date | undefined;
}

interface VoteRow {
  approval_id: string;
  person: string;
  slack_user: string;
  decision: "approve" | "veto";
  eligible: boolean;
  reason: string | null;
  observed_at: Date;
  withdrawn_at: Date | null;
}

function fromRow(row: VoteRow): Vote {
  return {
    approvalId: row.approval_id,
    person: row.person,
    slackUser: row.slack_user,
    decision: row.decision,
    eligible: row.eligible,
    reason: row.reason ?? undefined,
    observedAt: row.observed_at,
    withdrawnAt: row.withdrawn_at ?? undefined,
  };
}

/**
 * Bot: records a standing vote, as a look at the message found it; events only bring such a look about. One that was withdrawn
 * stands again; a repetition changes nothing but its eligibility.
 * `seenFrom`: when the look began that saw it, by the journal's clock; a withdrawal recorded since is newer and is kept.
 * Once the approval is consumed, what was said to it stays said: only a veto may still come to count.
 * @returns whether this is news: a first vote, or one that stands again.
 */
export async function upsertVote(
  db: Queryable,
  vote: Pick<Vote, "approvalId" | "person" | "slackUser" | "decision" | "eligible"> & {
    readonly reason?: string;
    readonly seenFrom?: Date;
  },
): Promise<boolean> {
  const [row] = await db.query<{ news: boolean }>(
    `with before as (
       select withdrawn_at from journal.vote where approval_id = $1 and slack_user = $3 and decision = $4)
     insert into journal.vote as v (approval_id, person, slack_user, decision, source, eligible, reason)
     values ($1, $2, $3, $4, 'reconcile', $5, $6)
     on conflict (approval_id, slack_user, decision) do update set eligible = excluded.eligible,
       reason = excluded.reason, withdrawn_at = null,
       observed_at = case when v.withdrawn_at is null then v.observed_at else clock_timestamp() end
       where (v.withdrawn_at is null or $7::timestamptz is null or v.withdrawn_at < $7)
         and (v.decision = 'veto' and excluded.eligible
           or not exists (select from journal.approval a where a.id = v.approval_id and a.state = 'CONSUMED'))
     returning not exists (select from before where withdrawn_at is null) as news`,
    [vote.approvalId, vote.person, vote.slackUser, vote.decision, vote.eligible, vote.reason, vote.seenFrom],
  );
  return row?.news ?? false;
}

/** Bot: the reaction is gone. The time is the journal's. @returns whether there was a standing vote. */
export async function withdrawVote(
  db: Queryable,
  at: Pick<Vote, "approvalId" | "slackUser" | "decision">,
): Promise<boolean> {
  const rows = await db.query(
    `update journal.vote set withdrawn_at = clock_timestamp()
     where approval_id = $1 and slack_user = $2 and decision = $3 and withdrawn_at is null returning person`,
    [at.approvalId, at.slackUser, at.decision],
  );
  return rows.length > 0;
}

/** All votes on these approvals, withdrawn ones included, oldest first. */
export async function votesOn(db: Queryable, approvalIds: readonly string[]): Promise<Vote[]> {
  const rows = await db.query<VoteRow>(
    `select approval_id, person, slack_user, decision, eligible, reason, observed_at, withdrawn_at
     from journal.vote where approval_id = any ($1) order by observed_at, person`,
    [[...approvalIds]],
  );
  return rows.map(fromRow);
}
