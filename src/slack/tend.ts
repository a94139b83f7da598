import type { WebClient } from "@slack/web-api";
import type { Verdict } from "../approvals/policy.ts";
import { type Approval, type ApprovalState, moveApproval, placeApproval } from "../journal/approvals-rows.ts";
import { appendEvent } from "../journal/events.ts";
import { getOutbox, intend, touchOutbox } from "../journal/outbox.ts";
import { votesOn, withdrawVote } from "../journal/votes.ts";
import type { Log } from "../log.ts";
import { slackFault } from "./client.ts";
import { hintText } from "./hints.ts";
import { databaseNow, judge, type JudgeDeps, storeVote, votesIn } from "./judge.ts";
import { isShared, lookAt, type Look } from "./look.ts";
import { personOf } from "./settings.ts";

/** What looking after approvals needs. */
export interface TendDeps extends JudgeDeps {
  readonly client: WebClient;
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

/** Stores what stands and what no longer does. @returns whether anything is new. */
async function recordVotes(deps: TendDeps, approval: Approval, verdict: Verdict, look: Look): Promise<boolean> {
  const { db } = deps.journal;
  const before = await votesOn(db, [approval.id]);
  const standing = new Set<string>();
  let news = false;
  for (const vote of votesIn(deps, verdict, look)) {
    standing.add(`${vote.slackUser} ${vote.decision}`);
    const isNew = await storeVote(deps, approval, vote);
    const was = before.find((each) => each.slackUser === vote.slackUser && each.decision === vote.decision);
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
