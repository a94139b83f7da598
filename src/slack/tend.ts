import type { WebClient } from "@slack/web-api";
import type { AttestedApproval } from "../approvals/attestation.ts";
import type { Verdict } from "../approvals/policy.ts";
import {
  type Approval,
  type ApprovalState,
  keepVerdict,
  moveApproval,
  placeApproval,
} from "../journal/approvals-rows.ts";
import { appendEvent } from "../journal/events.ts";
import { journalNow } from "../journal/now.ts";
import { getOutbox, intend, touchOutbox } from "../journal/outbox.ts";
import { vetoesSaid } from "../journal/stored-reactions.ts";
import { votesOn, withdrawVote } from "../journal/votes.ts";
import type { Log } from "../log.ts";
import type { Queryable } from "../postgres/connect.ts";
import { slackFault } from "./client.ts";
import { hint } from "./hints.ts";
import { isKept, judge, type JudgeDeps, storeVote, votesIn } from "./judge.ts";
import { isGone, isShared, lookAt } from "./look.ts";
import { once } from "./patience.ts";
import { tellExpired } from "./remind.ts";

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
  const { db } = deps.journal;
  const now = await journalNow(deps.journal.db);
  if (approval.state === "OPENING") return openGate(deps, approval, now);
  const { id, channel, messageTs } = approval;
  if (channel === undefined || messageTs === undefined) return;
  // who was down across the expiry must not count what came too late
  if (approval.state !== "CONSUMED" && now >= approval.expiresAt)
    return move(deps, approval, { to: "EXPIRED", reason: "not enough people approved in time" });
  const place = { id, channel, messageTs };
  const vetoed = await vetoesSaid(db, place, deps.settings.approvals.vetoEmoji);
  const look = await lookAt(deps.client, deps.settings, place, vetoed);
  const verdict = await judge(deps, approval, look, now);
  const news = await recordVotes(deps, approval, { verdict, look, now });
  await hint(deps, approval, verdict);
  const next = nextState(verdict);
  if (approval.state !== "CONSUMED" && next !== approval.state)
    return move(deps, approval, { to: next, reason: reasonOf(verdict), verdict });
  if ((await keepVerdict(db, id, verdict)) || news) await touchOutbox(db, "gate", approval.migrationId, id);
}

/** The card stands → both emoji are offered and votes count from now on. */
async function openGate(deps: TendDeps, approval: Approval, now: Date): Promise<void> {
  const { db } = deps.journal;
  if (now >= approval.expiresAt)
    return move(deps, approval, { to: "EXPIRED", reason: "it could not be posted in time" });
  const posted = await getOutbox(db, "gate", approval.migrationId, approval.id);
  if (posted === undefined) {
    const { migrationId, id: key } = approval;
    await intend(db, { kind: "gate", migrationId, key, audience: "main", priority: 1 });
    return;
  }
  if (posted.channel === undefined || posted.messageTs === undefined) return;
  if (await isShared({ client: deps.client, ask: once }, posted.channel))
    return move(deps, approval, { to: "VOIDED", reason: "another company can see the channel, or the bot cannot" });
  const { approveEmoji, vetoEmoji } = deps.settings.approvals;
  for (const name of [approveEmoji, vetoEmoji]) {
    if (!(await seed(deps.client, posted.channel, posted.messageTs, name)))
      return move(deps, approval, { to: "VOIDED", reason: "the message is gone" });
  }
  await placeApproval(db, approval.id, posted.channel, posted.messageTs);
  await move(deps, approval, { to: "PENDING", reason: undefined });
}

/** Offers an emoji. @returns false when the message is gone. */
async function seed(client: WebClient, channel: string, timestamp: string, name: string): Promise<boolean> {
  try {
    await client.reactions.add({ channel, timestamp, name });
    return true;
  } catch (thrown) {
    if (isGone(thrown)) return false;
    const fault = slackFault(thrown);
    if (fault.kind !== "refused" || fault.error !== "already_reacted") throw thrown;
    return true;
  }
}

interface Seen {
  readonly verdict: Verdict;
  readonly look: AttestedApproval;
  /** When the look began, by the journal's clock. */
  readonly now: Date;
}

/** Stores what stands and what no longer does. @returns whether anything is new. */
async function recordVotes(deps: TendDeps, approval: Approval, { verdict, look, now }: Seen): Promise<boolean> {
  const { db } = deps.journal;
  const before = await votesOn(db, [approval.id]);
  const standing = new Set<string>();
  let news = false;
  for (const vote of votesIn(deps, verdict, look)) {
    standing.add(`${vote.slackUser} ${vote.decision}`);
    if (isKept(vote, before)) continue;
    const isNew = await storeVote(deps, approval, vote, now);
    const was = before.find((each) => each.slackUser === vote.slackUser && each.decision === vote.decision);
    news ||= isNew || was?.eligible !== vote.eligible;
  }
  // a message that we cannot see, and a list that was cut short, prove nothing about who is not on it
  if (look.messageGone) return news;
  for (const vote of before) {
    const emoji =
      vote.decision === "approve" ? deps.settings.approvals.approveEmoji : deps.settings.approvals.vetoEmoji;
    const stands = standing.has(`${vote.slackUser} ${vote.decision}`) || look.truncated.includes(emoji);
    if (vote.withdrawnAt !== undefined || stands) continue;
    if (await withdrawVote(db, vote)) {
      await say(db, approval, "vote-withdrawn", vote.person, { decision: vote.decision });
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

interface Move {
  readonly to: ApprovalState;
  readonly reason: string | undefined;
  readonly verdict?: Verdict;
}

/** Moves the approval, and says so everywhere, or does nothing of it. */
async function move(deps: TendDeps, approval: Approval, { to, reason, verdict }: Move): Promise<void> {
  const why = { ...(reason === undefined ? {} : { reason }), ...(verdict === undefined ? {} : { verdict }) };
  const moved = await deps.journal.db.transaction(async (tx) => {
    if (!(await moveApproval(tx, approval.id, { from: [approval.state], to, ...why }))) return false;
    await touchOutbox(tx, "gate", approval.migrationId, approval.id);
    if (to === "EXPIRED") await tellExpired(tx, approval);
    await say(tx, approval, `approval-${to.toLowerCase()}`, "bot", { reason });
    return true;
  });
  if (moved) deps.log.info({ approval: approval.id, gate: approval.gate, from: approval.state, to }, "approval moved");
}

async function say(
  db: Queryable,
  approval: Approval,
  kind: string,
  actor: string,
  facts: Readonly<Record<string, string | boolean | undefined>>,
): Promise<void> {
  const { id, gate, step, migrationId } = approval;
  await appendEvent(db, { migrationId, kind, actor, facts: { approval: id, gate, step, ...facts } });
}
