import type { WebClient } from "@slack/web-api";
import type { AttestedApproval } from "../approvals/attestation.ts";
import { type Approval, getApproval, keepVerdict } from "../journal/approvals-rows.ts";
import { type ClaimRequest, unansweredClaims, writeAttestation } from "../journal/claims.ts";
import type { JsonObject } from "../journal/json.ts";
import { journalNow } from "../journal/now.ts";
import { touchOutbox } from "../journal/outbox.ts";
import { vetoesSaid } from "../journal/stored-reactions.ts";
import type { Log } from "../log.ts";
import { judge, type JudgeDeps, storeVote, votesIn } from "./judge.ts";
import { lookAt } from "./look.ts";

/** What attesting needs. */
export interface AttestDeps extends JudgeDeps {
  readonly client: WebClient;
  readonly log: Log;
}

/**
 * Answers every claim request of the worker with what Slack says now. Facts only; the worker judges them itself. When Slack
 * cannot be asked there is no answer, and so the gate is not open.
 */
export async function attestAll(deps: AttestDeps): Promise<void> {
  for (const claim of await unansweredClaims(deps.journal.db, deps.settings.migration)) await attest(deps, claim);
}

async function attest(deps: AttestDeps, claim: ClaimRequest): Promise<void> {
  const { db } = deps.journal;
  // before anything is read: whatever is said from now on may be missing from what we attest
  const seenFrom = await journalNow(deps.journal.db);
  const approvals = await Promise.all(claim.approvals.map((id) => attestOne(deps, id, seenFrom)));
  const facts: JsonObject = JSON.parse(JSON.stringify({ approvals }));
  await writeAttestation(db, claim.nonce, facts, seenFrom);
  deps.log.info({ nonce: claim.nonce, approvals: claim.approvals }, "attested");
}

async function attestOne(deps: AttestDeps, id: string, seenFrom: Date): Promise<AttestedApproval> {
  const { db } = deps.journal;
  const approval = await getApproval(db, id);
  if (approval?.channel === undefined || approval.messageTs === undefined) {
    // never posted: nobody can have voted
    return { id, reactions: [], people: {}, truncated: [], messageGone: true, channelShared: false };
  }
  const place = { id, channel: approval.channel, messageTs: approval.messageTs };
  const vetoed = await vetoesSaid(db, place, deps.settings.approvals.vetoEmoji);
  const look = await lookAt(deps.client, deps.settings, place, vetoed);
  await keepWhatWasSeen(deps, approval, look, seenFrom);
  return look;
}

/** A vote whose event was lost gets its row here, since only a vote that has one can be withdrawn inside the window. */
async function keepWhatWasSeen(
  deps: AttestDeps,
  approval: Approval,
  look: AttestedApproval,
  seenFrom: Date,
): Promise<void> {
  const { db } = deps.journal;
  const verdict = await judge(deps, approval, look, seenFrom);
  let news = false;
  for (const vote of votesIn(deps, verdict, look)) {
    if (await storeVote(deps, approval, vote, seenFrom)) news = true;
  }
  if (await keepVerdict(db, approval.id, verdict)) news = true;
  if (news) await touchOutbox(db, "gate", approval.migrationId, approval.id);
}
