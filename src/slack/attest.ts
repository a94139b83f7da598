import type { WebClient } from "@slack/web-api";
import { getApproval } from "../journal/approvals-rows.ts";
import { type ClaimRequest, unansweredClaims, writeAttestation } from "../journal/claims.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import { lookAt } from "./look.ts";
import type { BotSettings } from "./settings.ts";

/** What attesting needs. */
export interface AttestDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
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
  const looks = await Promise.all(
    claim.approvals.map(async (id) => {
      const approval = await getApproval(deps.journal.db, id);
      if (approval?.channel === undefined || approval.messageTs === undefined) {
        // never posted: nobody can have voted
        return { id, reactions: [], people: {}, messageGone: true, channelShared: false };
      }
      return (
        await lookAt(deps.client, deps.settings, { id, channel: approval.channel, messageTs: approval.messageTs })
      ).facts;
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
