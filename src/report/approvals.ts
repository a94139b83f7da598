import type { StoredVerdict } from "../journal/approvals-rows.ts";
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
  /** Listed people who neither asked nor voted, and whose accounts may vote as far as anybody has looked. */
  readonly stillNeeded: readonly string[];
  /** The evaluator's tree of named results, the same one that the runner judges by; absent until the bot has looked once. */
  readonly reasons?: StoredVerdict["reasons"] | undefined;
  readonly subject: StoredFacts;
  readonly evidence: StoredFacts;
  readonly channel?: string | undefined;
  readonly messageTs?: string | undefined;
}

/** Approvals with what the evaluator last said of them, oldest first. */
export function approvalViews(rows: JournalRows, approvers: Approvers): ApprovalView[] {
  return rows.approvals.map((row) => viewOf(row, rows, approvers));
}

function viewOf(row: ApprovalRow, rows: JournalRows, approvers: Approvers): ApprovalView {
  const standing = rows.votes.filter(
    (vote) => vote.approval_id === row.id && vote.eligible && vote.withdrawn_at === null,
  );
  const seenAt = new Map<string, Date>();
  for (const vote of standing) {
    if (vote.decision === "approve" && !seenAt.has(vote.person)) seenAt.set(vote.person, vote.observed_at);
  }
  // before the first look there is no verdict; then the votes speak for themselves
  const verdict = row.verdict ?? {
    counted: [...seenAt.keys()].map((person) => ({ person })),
    vetoes: standing.filter((vote) => vote.decision === "veto"),
    missing: Math.max(0, approvers.required - seenAt.size),
    eligible: approvers.people.filter((person) => !row.requesters.includes(person) && !seenAt.has(person)),
    reasons: undefined,
  };
  const voters = verdict.counted.map(({ person }) => ({ person, at: seenAt.get(person) ?? row.state_at }));
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
    voters: voters.toSorted((a, b) => a.at.getTime() - b.at.getTime()),
    vetoes: [...new Set(verdict.vetoes.map(({ person }) => person))],
    required: approvers.required,
    missing: verdict.missing,
    stillNeeded: verdict.eligible,
    reasons: verdict.reasons,
    subject: row.subject,
    evidence: row.evidence,
    channel: row.channel ?? undefined,
    messageTs: row.message_ts ?? undefined,
  };
}
