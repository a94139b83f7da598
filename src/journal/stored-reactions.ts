import type { Queryable } from "../postgres/connect.ts";

/** Where an approval's message stands. */
export interface MessagePlace {
  readonly id: string;
  readonly channel: string;
  readonly messageTs: string;
}

/**
 * Accounts whose veto has reached us, by a stored event or an earlier look, taken back since or not: a veto is final for its
 * request. Who of them may veto is for the evaluator to say. `emoji`: Slack's name of the one that stops, without colons.
 */
export async function vetoesSaid(db: Queryable, at: MessagePlace, emoji: string): Promise<string[]> {
  const rows = await db.query<{ slack_user: string }>(
    `select slack_user from journal.vote where approval_id = $1 and decision = 'veto'
     union
     select body #>> '{event,user}' from journal.inbound
     where kind = 'event' and body #>> '{event,item,ts}' = $3 and body #>> '{event,item,channel}' = $2
       and body #>> '{event,type}' = 'reaction_added'
       and split_part(body #>> '{event,reaction}', '::', 1) = $4 and body #>> '{event,user}' is not null
     order by 1`,
    [at.id, at.channel, at.messageTs, emoji],
  );
  return rows.map((row) => row.slack_user);
}

/** Somebody who stops a gate that was about to open, or has opened. */
export interface Stopper {
  readonly approvalId: string;
  /** Name of the person where one is known, else the Slack account. */
  readonly who: string;
  readonly how: "vetoed" | "withdrew";
}

/** What counts as stopping the approvals of an attestation. */
export interface StopQuery {
  readonly approvals: readonly string[];
  /** When the bot began to look for the attestation, by the journal's clock. */
  readonly attestedAt: Date;
  readonly approveEmoji: string;
  readonly vetoEmoji: string;
  /** Slack accounts that may stop: of everyone on the list who did not ask. */
  readonly vetoers: readonly string[];
  /** Slack accounts whose ✅ was counted. */
  readonly counted: readonly string[];
}

/**
 * Vetoes and withdrawals that the journal knows but the attestation may not have seen: rows that the bot wrote, and events
 * that were stored and not looked at yet. Whether a late event's author may vote cannot be asked here; it stops all the same.
 */
export async function knownStoppers(db: Queryable, query: StopQuery): Promise<Stopper[]> {
  const rows = await db.query<{ approval_id: string; who: string; veto: boolean }>(
    `select v.approval_id, v.person as who, v.decision = 'veto' as veto from journal.vote v
     where v.approval_id = any ($1)
       and ((v.decision = 'veto' and (v.eligible or (v.slack_user = any ($5) and ${notJudged("v")})))
       or (v.decision = 'approve' and v.slack_user = any ($6) and v.withdrawn_at >= $2))
     union
     select a.id, coalesce(v.person, e.said_by), e.veto
     from journal.approval a
     cross join lateral (${storedReactions("a", "$3", "$4")}) e
     left join journal.vote v on v.approval_id = a.id and v.slack_user = e.said_by
       and v.decision = case when e.veto then 'veto' else 'approve' end
     where a.id = any ($1) and ${saidSince("e", "$2::timestamptz")}
       and ((e.veto and e.said_by = any ($5)) or (not e.veto and e.said_by = any ($6)))
     order by 1, 2`,
    [
      [...query.approvals],
      query.attestedAt,
      query.approveEmoji,
      query.vetoEmoji,
      [...query.vetoers],
      [...query.counted],
    ],
  );
  return rows.map((row) => ({ approvalId: row.approval_id, who: row.who, how: row.veto ? "vetoed" : "withdrew" }));
}

/** SQL: stored events on the message of approval `a` that veto or take an approval back: `said_by, veto, said_at, received_at`. */
export function storedReactions(a: string, approveEmoji: string, vetoEmoji: string): string {
  return `select i.body #>> '{event,user}' as said_by, i.body #>> '{event,type}' = 'reaction_added' as veto,
      (i.body #>> '{event,event_ts}')::double precision as said_at, i.received_at
    from journal.inbound i
    where i.kind = 'event' and i.body #>> '{event,item,ts}' = ${a}.message_ts
      and i.body #>> '{event,item,channel}' = ${a}.channel
      and ((i.body #>> '{event,type}' = 'reaction_added' and split_part(i.body #>> '{event,reaction}', '::', 1) = ${vetoEmoji})
        or (i.body #>> '{event,type}' = 'reaction_removed' and split_part(i.body #>> '{event,reaction}', '::', 1) = ${approveEmoji}))`;
}

/** SQL: whether the bot knew too little of who gave vote `v` to say that it does not count. */
export function notJudged(v: string): string {
  return `${v}.reason in ('not-listed', 'unknown-account')`;
}

/**
 * SQL: whether a stored reaction came after the look that began at `since`. Two seconds earlier count too: a row is seen only
 * once it is committed, and storing takes no longer. A removal that Slack itself dates five minutes before the look, the most
 * that a clock may be off, was taken back before it.
 */
export function saidSince(e: string, since: string): string {
  return `${e}.received_at >= ${since} - interval '2 seconds'
    and (${e}.veto or ${e}.said_at is null or ${e}.said_at > extract(epoch from ${since}) - 300)`;
}
