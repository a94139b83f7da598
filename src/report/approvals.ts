import type { Gate } from "../journal/phase.ts";
import type { ApprovalRow, JournalRows, StoredFacts } from "./rows.ts";
import type { Approvers } from "./snapshot.ts";

/** One approval as people see it. */
export interface ApprovalView {
  readonly id: string;
  readonly windowId?: string | undefined;
  readonly gate: Gate;
  readonly step: string;
  readonly state: ApprovalRow["state"];
  readonly stateReason?: string | undefined;
  readonly stateAt: Date;
  /** Neither consumed nor ended. */
  readonly undecided: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly digest: string;
  readonly requesters: readonly string[];
  /** People whose approval stands, with the moment it was seen. */
  readonly voters: readonly { readonly person: string; readonly at: Date }[];
  readonly vetoes: readonly string[];
  readonly required: number;
  readonly missing: number;
  /** Listed people who neither asked nor voted. */
  readonly stillNeeded: readonly string[];
  readonly subject: StoredFacts;
  readonly evidence: StoredFacts;
  readonly channel?: string | undefined;
  readonly messageTs?: string | undefined;
}

/** Approvals with the votes that stand, oldest first. */
export function approvalViews(rows: JournalRows, approvers: Approvers): ApprovalView[] {
  return rows.approvals.map((row) => viewOf(row, rows, approvers));
}

function viewOf(row: ApprovalRow, rows: JournalRows, approvers: Approvers): ApprovalView {
  const standing = rows.votes.filter(
    (vote) => vote.approval_id === row.id && vote.eligible && vote.withdrawn_at === null,
  );
  const voters = new Map<string, Date>();
  for (const vote of standing) {
    if (vote.decision === "approve" && !voters.has(vote.person)) voters.set(vote.person, vote.observed_at);
  }
  const vetoes = new Set(standing.filter((vote) => vote.decision === "veto").map((vote) => vote.person));
  return {
    id: row.id,
    windowId: row.window_id ?? undefined,
    gate: row.gate,
    step: row.step,
    state: row.state,
    stateReason: row.state_reason ?? undefined,
    stateAt: row.state_at,
    undecided: row.state === "OPENING" || row.state === "PENDING" || row.state === "ARMED",
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    digest: row.digest,
    requesters: row.requesters,
    voters: [...voters].map(([person, at]) => ({ person, at })),
    vetoes: [...vetoes],
    required: approvers.required,
    missing: Math.max(0, approvers.required - voters.size),
    stillNeeded: approvers.people.filter((person) => !row.requesters.includes(person) && !voters.has(person)),
    subject: row.subject,
    evidence: row.evidence,
    channel: row.channel ?? undefined,
    messageTs: row.message_ts ?? undefined,
  };
}
