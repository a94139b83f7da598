import type { WebClient } from "@slack/web-api";
import { type Approval, getApproval } from "../journal/approvals-rows.ts";
import { type ClaimRequest, unansweredClaims, writeAttestation } from "../journal/claims.ts";
import { touchOutbox } from "../journal/outbox.ts";
import type { Log } from "../log.ts";
import { databaseNow, judge, type JudgeDeps, storeVote, votesIn } from "./judge.ts";
import { lookAt, type Look } from "./look.ts";

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
  for (const claim of await unansweredClaims(deps.journal.db)) await attest(deps, claim);
}

async function attest(deps: AttestDeps, claim: ClaimRequest): Promise<void> {
  const startedAt = performance.now();
  const seenFrom = await databaseNow(deps.journal);
  const looks = await Promise.all(
    claim.approvals.map(async (id) => {
      const approval = await getApproval(deps.journal.db, id);
      if (approval?.channel === undefined || approval.messageTs === undefined) {
        // never posted: nobody can have voted
        return { id, reactions: [], people: {}, messageGone: true, channelShared: false };
      }
      const at = { id, channel: approval.channel, messageTs: approval.messageTs };
      const look = await lookAt(deps.client, deps.settings, at);
      await storeVotes(deps, approval, look, seenFrom);
      return look.facts;
    }),
  );
  const approvals = looks.map((look) => ({
    ...look,
    reactions: look.reactions.map((reaction) => ({ ...reaction })),
    people: Object.fromEntries(Object.entries(look.people).map(([id, facts]) => [id, { ...facts }])),
  }));
  const lookMs = performance.now() - startedAt;
  await writeAttestation(deps.journal.db, claim.nonce, { approvals }, lookMs);
  deps.log.info({ nonce: claim.nonce, approvals: claim.approvals, lookMs: Math.round(lookMs) }, "attested");
}

/** A vote whose event was lost gets its row here, since only a vote that has one can be withdrawn inside the window. */
async function storeVotes(deps: AttestDeps, approval: Approval, look: Look, seenFrom: Date): Promise<void> {
  const verdict = await judge(deps, approval, look, seenFrom);
  let news = false;
  for (const vote of votesIn(deps, verdict, look)) {
    if (await storeVote(deps, approval, vote, seenFrom)) news = true;
  }
  if (news) await touchOutbox(deps.journal.db, "gate", approval.migrationId, approval.id);
}
