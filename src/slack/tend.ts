import type { WebClient } from "@slack/web-api";
import { plainEmoji } from "../approvals/emoji.ts";
import { evaluate } from "../approvals/evaluate.ts";
import type { Verdict } from "../approvals/policy.ts";
import { type Approval, type ApprovalState, moveApproval, placeApproval } from "../journal/approvals-rows.ts";
import { appendEvent } from "../journal/events.ts";
import { requesters } from "../journal/migrations.ts";
import type { Journal } from "../journal/open.ts";
import { getOutbox, intend, touchOutbox } from "../journal/outbox.ts";
import { upsertVote, votesOn, withdrawVote } from "../journal/votes.ts";
import type { Log } from "../log.ts";
import { slackFault } from "./client.ts";
import { hintText } from "./hints.ts";
import { isShared, lookAt, type Look } from "./look.ts";
import { type BotSettings, personOf } from "./settings.ts";

/** What looking after approvals needs. */
export interface TendDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly client: WebClient;
  readonly botUser: string;
  readonly log: Log;
}

/**
 * Brings one approval to where the facts put it: posts are seeded, votes stored, its state moved, its card and hints asked
 * for. Level-triggered: it does not matter which event led here, or whether one was lost.
 */
export async function tendApproval(deps: TendDeps, approval: Approval): Promise<void> {
  const now = await databaseNow(deps.journal);
  if (approval.state === "OPENING") return openGate(deps, approval, now);
  if (approval.channel === undefined || approval.messageTs === undefined) return;
  // who was down across the expiry must not count what came too late
  if (approval.state !== "CONSUMED" && now >= approval.expiresAt)
    return move(deps, approval, "EXPIRED", "not enough people approved in time");
  const look = await lookAt(deps.client, deps.settings, {
    ...approval,
    channel: approval.channel,
    messageTs: approval.messageTs,
  });
  const verdict = await judge(deps, approval, look, now);
  const news = await recordVotes(deps, approval, verdict, look);
  await hint(deps, approval, verdict);
  if (approval.state === "CONSUMED")
    return news ? touchOutbox(deps.journal.db, "gate", approval.migrationId, approval.id) : undefined;
  const next = nextState(verdict);
  if (next !== approval.state) return move(deps, approval, next, reasonOf(verdict));
  if (news) await touchOutbox(deps.journal.db, "gate", approval.migrationId, approval.id);
}

async function databaseNow(journal: Journal): Promise<Date> {
  const [row] = await journal.db.query<{ now: Date }>("select clock_timestamp() as now");
  return row?.now ?? new Date();
}

/** The card stands → both emoji are offered and votes count from now on. */
async function openGate(deps: TendDeps, approval: Approval, now: Date): Promise<void> {
  const { db } = deps.journal;
  if (now >= approval.expiresAt) return move(deps, approval, "EXPIRED", "it could not be posted in time");
  const posted = await getOutbox(db, "gate", approval.migrationId, approval.id);
  if (posted === undefined) {
    await intend(db, {
      kind: "gate",
      migrationId: approval.migrationId,
      key: approval.id,
      audience: "main",
      priority: 1,
    });
    return;
  }
  if (posted.channel === undefined || posted.messageTs === undefined) return;
  if (await isShared(deps.client, posted.channel))
    return move(deps, approval, "VOIDED", "another company can see the channel");
  for (const name of [deps.settings.approvals.approveEmoji, deps.settings.approvals.vetoEmoji]) {
    await seed(deps.client, posted.channel, posted.messageTs, name);
  }
  await placeApproval(db, approval.id, posted.channel, posted.messageTs);
  await move(deps, approval, "PENDING", undefined);
}

async function seed(client: WebClient, channel: string, timestamp: string, name: string): Promise<void> {
  try {
    await client.reactions.add({ channel, timestamp, name });
  } catch (thrown) {
    const fault = slackFault(thrown);
    if (fault.kind !== "refused" || fault.error !== "already_reacted") throw thrown;
  }
}

async function judge(deps: TendDeps, approval: Approval, look: Look, now: Date): Promise<Verdict> {
  const { slack, approvals } = deps.settings;
  const { required, approveEmoji, vetoEmoji } = approvals;
  const asked = await requesters(deps.journal.db, approval.migrationId);
  return evaluate({
    policy: { required, approveEmoji, vetoEmoji, team: slack.team, enterprise: slack.enterprise },
    request: { ...approval, requesters: [...new Set([...approval.requesters, ...asked])] },
    approvers: approvals.approvers,
    // the worker knows what would run now; it supersedes the approval when that changes
    currentDigest: approval.digest,
    ...look.facts,
    reactions: look.facts.reactions.filter((reaction) => reaction.slackUser !== deps.botUser),
    now,
  });
}

/** Stores what stands and what no longer does. @returns whether anything is new. */
async function recordVotes(deps: TendDeps, approval: Approval, verdict: Verdict, look: Look): Promise<boolean> {
  const { db } = deps.journal;
  const before = await votesOn(db, [approval.id]);
  const standing = new Set<string>();
  let news = false;
  for (const vote of votesIn(deps, verdict, look)) {
    standing.add(`${vote.slackUser} ${vote.decision}`);
    const isNew = await upsertVote(db, { approvalId: approval.id, source: "reconcile", ...vote });
    const was = before.find((each) => each.slackUser === vote.slackUser && each.decision === vote.decision);
    if (isNew)
      await say(deps, approval, "vote", vote.person, {
        decision: vote.decision,
        eligible: vote.eligible,
        reason: vote.reason,
      });
    news ||= isNew || was?.eligible !== vote.eligible;
  }
  for (const vote of before) {
    const emoji =
      vote.decision === "approve" ? deps.settings.approvals.approveEmoji : deps.settings.approvals.vetoEmoji;
    // a list that was cut short proves nothing about who is not on it
    if (
      vote.withdrawnAt !== undefined ||
      standing.has(`${vote.slackUser} ${vote.decision}`) ||
      look.truncated.has(emoji)
    )
      continue;
    if (await withdrawVote(db, vote)) {
      await say(deps, approval, "vote-withdrawn", vote.person, { decision: vote.decision });
      news = true;
    }
  }
  return news;
}

interface FoundVote {
  readonly person: string;
  readonly slackUser: string;
  readonly decision: "approve" | "veto";
  readonly eligible: boolean;
  readonly reason?: string;
}

function votesIn(deps: TendDeps, verdict: Verdict, look: Look): FoundVote[] {
  const { approveEmoji, vetoEmoji } = deps.settings.approvals;
  const found = new Map<string, FoundVote>();
  for (const { slackUser, name } of look.facts.reactions) {
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

function nextState(verdict: Verdict): ApprovalState {
  const of = {
    waiting: "PENDING",
    open: "ARMED",
    denied: "DENIED",
    expired: "EXPIRED",
    voided: "VOIDED",
    superseded: "VOIDED",
  } as const;
  return of[verdict.state];
}

function reasonOf(verdict: Verdict): string | undefined {
  return verdict.reasons.because.find((each) => !each.ok)?.says;
}

async function move(deps: TendDeps, approval: Approval, to: ApprovalState, reason: string | undefined): Promise<void> {
  const from = [approval.state];
  const moved = await moveApproval(
    deps.journal.db,
    approval.id,
    reason === undefined ? { from, to } : { from, to, reason },
  );
  if (!moved) return;
  await touchOutbox(deps.journal.db, "gate", approval.migrationId, approval.id);
  await say(deps, approval, `approval-${to.toLowerCase()}`, "bot", { reason });
  deps.log.info({ approval: approval.id, gate: approval.gate, from: approval.state, to }, "approval moved");
}

async function say(
  deps: TendDeps,
  approval: Approval,
  kind: string,
  actor: string,
  facts: Readonly<Record<string, string | boolean | undefined>>,
): Promise<void> {
  const { id, gate, step, migrationId } = approval;
  await appendEvent(deps.journal.db, { migrationId, kind, actor, facts: { approval: id, gate, step, ...facts } });
}

/** Tells those whose reaction does not count why, privately, once a reason. */
async function hint(deps: TendDeps, approval: Approval, verdict: Verdict): Promise<void> {
  for (const { slackUser, name, reason: found } of verdict.ignored) {
    // "you asked" says more than "you are not on the list" to a driver who is neither
    const asked = found === "not-listed" && approval.requesters.includes(personOf(deps.settings, slackUser));
    const reason = asked ? "requester" : found;
    const text = hintText(reason, name, verdict.eligible, deps.settings);
    if (text === undefined) continue;
    await intend(deps.journal.db, {
      kind: "hint",
      migrationId: approval.migrationId,
      key: `${approval.id}:${slackUser}:${reason}`,
      audience: "person",
      person: slackUser,
      priority: 2,
      facts: { text },
    });
  }
}
