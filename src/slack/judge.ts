import type { AttestedApproval } from "../approvals/attestation.ts";
import { plainEmoji } from "../approvals/emoji.ts";
import { evaluate } from "../approvals/evaluate.ts";
import type { Verdict } from "../approvals/policy.ts";
import type { Approval } from "../journal/approvals-rows.ts";
import { appendEvent } from "../journal/events.ts";
import { requesters } from "../journal/migrations.ts";
import type { Journal } from "../journal/open.ts";
import { upsertVote, type Vote } from "../journal/votes.ts";
import { type BotSettings, personOf } from "./settings.ts";

/** What judging a look needs. */
export interface JudgeDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly botUser: string;
}

/** What a look at an approval amounts to, by the bot's configuration. */
export async function judge(deps: JudgeDeps, approval: Approval, look: AttestedApproval, now: Date): Promise<Verdict> {
  const { slack, approvals } = deps.settings;
  const { required, approveEmoji, vetoEmoji, userGroup } = approvals;
  const asked = await requesters(deps.journal.db, approval.migrationId);
  return evaluate({
    policy: { required, approveEmoji, vetoEmoji, userGroup, team: slack.team, enterprise: slack.enterprise },
    request: { ...approval, requesters: [...new Set([...approval.requesters, ...asked])] },
    approvers: approvals.approvers,
    // the worker knows what would run now; it supersedes the approval when that changes
    currentDigest: approval.digest,
    ...look,
    reactions: look.reactions.filter((reaction) => reaction.slackUser !== deps.botUser),
    now,
  });
}

/** A reaction that votes, whether it counts or not. */
export interface FoundVote {
  readonly person: string;
  readonly slackUser: string;
  readonly decision: "approve" | "veto";
  readonly eligible: boolean;
  readonly reason?: string;
}

/** The votes of a look. */
export function votesIn(deps: JudgeDeps, verdict: Verdict, look: AttestedApproval): FoundVote[] {
  const { approveEmoji, vetoEmoji } = deps.settings.approvals;
  const found = new Map<string, FoundVote>();
  for (const { slackUser, name } of look.reactions) {
    const plain = plainEmoji(name);
    if (slackUser === deps.botUser || (plain !== approveEmoji && plain !== vetoEmoji)) continue;
    const decision = plain === approveEmoji ? "approve" : "veto";
    const ignored = verdict.ignored.find((each) => each.slackUser === slackUser && each.name === plain);
    const vote = {
      person: personOf(deps.settings, slackUser),
      slackUser,
      decision,
      eligible: ignored === undefined,
    } as const;
    found.set(`${slackUser} ${decision}`, ignored === undefined ? vote : { ...vote, reason: ignored.reason });
  }
  return [...found.values()];
}

/** Whether the journal has the vote as it stands: writing it once more would change nothing, and cost a commit. */
export function isKept(vote: FoundVote, kept: readonly Vote[]): boolean {
  return kept.some(
    ({ slackUser, decision, eligible, reason, withdrawnAt }) =>
      slackUser === vote.slackUser &&
      decision === vote.decision &&
      eligible === vote.eligible &&
      reason === vote.reason &&
      withdrawnAt === undefined,
  );
}

/** Stores a vote and, when it is news, says so in the timeline. `seenFrom` as in `upsertVote`. @returns whether it is news. */
export async function storeVote(
  { journal: { db } }: JudgeDeps,
  { id, gate, step, migrationId }: Approval,
  vote: FoundVote,
  seenFrom: Date,
): Promise<boolean> {
  const isNew = await upsertVote(db, { approvalId: id, ...vote, seenFrom });
  if (!isNew) return false;
  const { decision, eligible, reason } = vote;
  const facts = { approval: id, gate, step, decision, eligible, reason };
  await appendEvent(db, { migrationId, kind: "vote", actor: vote.person, facts });
  return true;
}
