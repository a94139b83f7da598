import type { WebClient } from "@slack/web-api";
import type { AttestedApproval } from "../approvals/attestation.ts";
import type { Clock } from "../clock.ts";
import { type Approval, getApproval, keepVerdict } from "../journal/approvals-rows.ts";
import { type ClaimRequest, refuseClaim, unansweredClaims, writeAttestation } from "../journal/claims.ts";
import type { JsonObject } from "../journal/json.ts";
import { journalNow } from "../journal/now.ts";
import { touchOutbox } from "../journal/outbox.ts";
import { vetoesSaid } from "../journal/stored-reactions.ts";
import { votesOn } from "../journal/votes.ts";
import type { Log } from "../log.ts";
import { redact } from "../redact.ts";
import { slackFault } from "./client.ts";
import { isKept, judge, type JudgeDeps, storeVote, votesIn } from "./judge.ts";
import { type Glance, lookAtEach } from "./look.ts";
import { patience } from "./patience.ts";

/** What attesting needs. */
export interface AttestDeps extends JudgeDeps {
  readonly client: WebClient;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Answers every claim request of the worker with what Slack says now. Facts only; the worker judges them itself. When Slack
 * cannot be asked while the worker waits there is no attestation but the reason why, and so the gate is not open.
 */
export interface Attester {
  /** Begins to answer what nobody answers yet. One claim that waits for Slack holds up no other. */
  round(): Promise<void>;
  /** Resolves when all that was begun has ended. */
  settled(): Promise<void>;
  /** Ends what still waits, and answers it no more. */
  stop(): Promise<void>;
}

/** Opens the attester of one process. */
export function openAttester(deps: AttestDeps): Attester {
  const underWay = new Map<string, Promise<void>>();
  const end = new AbortController();
  const answer = async (claim: ClaimRequest): Promise<void> => {
    try {
      await attest(deps, claim, end.signal);
    } catch (error) {
      // the journal is away, or we stop: as long as the worker waits the next round begins again
      deps.log.warn({ nonce: claim.nonce, error: redact(String(error)) }, "a claim could not be answered");
    } finally {
      underWay.delete(claim.nonce);
    }
  };
  const settled = async (): Promise<void> => void (await Promise.all(underWay.values()));
  return {
    round: async () => {
      for (const claim of await unansweredClaims(deps.journal.db, deps.settings.migration)) {
        if (!underWay.has(claim.nonce) && !end.signal.aborted) underWay.set(claim.nonce, answer(claim));
      }
    },
    settled,
    stop: () => {
      end.abort();
      return settled();
    },
  };
}

async function attest(deps: AttestDeps, claim: ClaimRequest, end: AbortSignal): Promise<void> {
  const { db } = deps.journal;
  const endMs = deps.clock.now().getTime() + claim.leftMs;
  // before anything is read: whatever is said from now on may be missing from what we attest
  const seenFrom = await journalNow(db);
  const gates = await Promise.all(claim.approvals.map((id) => gateOf(deps, id)));
  const posted = gates.flatMap(({ glance }) => glance ?? []);
  const failed = new AbortController();
  const ask = patience(deps.clock, endMs, AbortSignal.any([end, failed.signal]));
  let looks: readonly AttestedApproval[];
  try {
    looks = await lookAtEach({ client: deps.client, ask }, deps.settings, posted);
  } catch (thrown) {
    // what still waits would be read for nothing
    failed.abort();
    end.throwIfAborted();
    return refuse(deps, claim, thrown);
  }
  const seen = new Map(looks.map((look) => [look.id, look]));
  await Promise.all(gates.map(({ approval }) => keepWhatWasSeen(deps, approval, seen, seenFrom)));
  const approvals = claim.approvals.map((id) => seen.get(id) ?? neverPosted(id));
  const facts: JsonObject = JSON.parse(JSON.stringify({ approvals }));
  if (await writeAttestation(db, claim.nonce, facts, seenFrom))
    deps.log.info({ nonce: claim.nonce, approvals: claim.approvals }, "attested");
}

async function gateOf(
  { journal: { db }, settings }: AttestDeps,
  id: string,
): Promise<{ readonly approval?: Approval; readonly glance?: Glance }> {
  const approval = await getApproval(db, id);
  if (approval?.channel === undefined || approval.messageTs === undefined) return {};
  const place = { id, channel: approval.channel, messageTs: approval.messageTs };
  return { approval, glance: { ...place, vetoed: await vetoesSaid(db, place, settings.approvals.vetoEmoji) } };
}

/** Nobody can have voted. */
function neverPosted(id: string): AttestedApproval {
  return { id, reactions: [], people: {}, truncated: [], messageGone: true, channelShared: false };
}

async function refuse({ journal: { db }, log }: AttestDeps, { nonce }: ClaimRequest, thrown: unknown): Promise<void> {
  const fault = slackFault(thrown);
  log.warn({ nonce, fault: redact(JSON.stringify(fault)) }, "not attested: Slack does not say who voted");
  await refuseClaim(db, nonce, whyNot(fault));
}

function whyNot(fault: ReturnType<typeof slackFault>): string {
  switch (fault.kind) {
    case "limited":
      return `Slack limits how often it may be asked; try again in ${Math.ceil(fault.afterMs / 1000)} s`;
    case "refused":
      return `Slack refuses to say who reacted (${fault.error})`;
    case "ambiguous":
      return "Slack did not answer in time";
  }
}

/** A vote whose event was lost gets its row here, since only a vote that has one can be withdrawn inside the window. */
async function keepWhatWasSeen(
  deps: AttestDeps,
  approval: Approval | undefined,
  seen: ReadonlyMap<string, AttestedApproval>,
  seenFrom: Date,
): Promise<void> {
  const { db } = deps.journal;
  const look = approval && seen.get(approval.id);
  if (approval === undefined || look === undefined) return;
  const verdict = await judge(deps, approval, look, seenFrom);
  const kept = await votesOn(db, [approval.id]);
  let news = false;
  for (const vote of votesIn(deps, verdict, look)) {
    if (!isKept(vote, kept) && (await storeVote(deps, approval, vote, seenFrom))) news = true;
  }
  if (await keepVerdict(db, approval.id, verdict)) news = true;
  if (news) await touchOutbox(db, "gate", approval.migrationId, approval.id);
}
