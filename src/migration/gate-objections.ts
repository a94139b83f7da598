import { type AttestedApproval, parseAttestation } from "../approvals/attestation.ts";
import { evaluate } from "../approvals/evaluate.ts";
import type { ApprovalPolicy, Approver, NamedResult, Verdict } from "../approvals/policy.ts";
import type { Approval } from "../journal/approvals-rows.ts";
import type { Attestation } from "../journal/claims.ts";
import { type Gate, windowFacts, type WindowName } from "../journal/phase.ts";
import { knownStoppers } from "../journal/stored-reactions.ts";
import type { Queryable } from "../postgres/connect.ts";

/** Everything by which the gates of a window are judged in the moment of consumption. */
export interface GatesToJudge {
  readonly window: WindowName;
  /** The window's approvals, locked. */
  readonly approvals: readonly Approval[];
  readonly attestation: Attestation;
  readonly policy: ApprovalPolicy;
  readonly approvers: readonly Approver[];
  /** Everyone who asked for something in this migration, whoever typed `go` included. */
  readonly requesters: readonly string[];
  /** The digest of what each gate would do as of now. */
  readonly digests: ReadonlyMap<string, string>;
  readonly now: Date;
  /** How long every gate must still live, in milliseconds. */
  readonly neededMs: number;
}

/** What the gates amount to. With no objection every gate has a verdict that says open. */
export interface JudgedGates {
  readonly objections: readonly string[];
  /** By approval id. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** What would run is no longer what was asked: these approvals are worthless. */
  readonly superseded: boolean;
}

/** Judges what the bot attested. Pure. */
export function judgeGates(facts: GatesToJudge): JudgedGates {
  const seen = new Map(parseAttestation(facts.attestation.facts).map((one) => [one.id, one]));
  const verdicts = new Map<string, Verdict>();
  const objections = windowFacts[facts.window].gates.flatMap((gate) => {
    const approval = facts.approvals.find((one) => one.gate === gate);
    if (approval?.state !== "ARMED") return [`${gate}: ${approval?.state.toLowerCase() ?? "never asked"}`];
    const look = seen.get(approval.id);
    if (look === undefined) return [`${gate}: the bot did not attest it`];
    const verdict = verdictOn(approval, look, facts);
    verdicts.set(approval.id, verdict);
    return objectionsTo(approval, verdict, facts);
  });
  const superseded = [...verdicts.values()].some(({ state }) => state === "superseded");
  return { objections, verdicts, superseded };
}

function verdictOn(approval: Approval, look: AttestedApproval, facts: GatesToJudge): Verdict {
  return evaluate({
    ...look,
    policy: facts.policy,
    approvers: facts.approvers,
    // whoever asked since the card was posted may not have voted either
    request: { ...approval, requesters: [...new Set([...approval.requesters, ...facts.requesters])] },
    currentDigest: facts.digests.get(approval.gate) ?? "",
    now: facts.now,
  });
}

function objectionsTo({ gate, expiresAt }: Approval, verdict: Verdict, facts: GatesToJudge): string[] {
  if (verdict.state !== "open") return [`${gate}: ${unmet(verdict.reasons).join("; ") || verdict.state}`];
  const leftMs = expiresAt.getTime() - facts.now.getTime();
  return leftMs < facts.neededMs ? [outlives(gate, leftMs, facts.neededMs)] : [];
}

/** What `go` says of a gate that would run out inside its window. Both times in milliseconds. */
export function outlives(gate: Gate, leftMs: number, neededMs: number): string {
  const seconds = (ms: number): number => Math.max(0, Math.ceil(ms / 1000));
  return `${gate}: would expire inside the window; it has ${seconds(leftMs)} s left, and every gate must still live ${seconds(neededMs)} s`;
}

/** What keeps a verdict from being open, a line each. */
export function unmet(result: NamedResult): string[] {
  return result.because.filter((part) => !part.ok).map((part) => part.says);
}

/**
 * Slack accounts of everyone who may stop a window: on the list, and not among those who asked for it. Whoever asks for
 * something after having vetoed has vetoed.
 */
export function vetoersOf({ approvers, approvals }: Pick<GatesToJudge, "approvers" | "approvals">): string[] {
  const asked = new Set(approvals.flatMap(({ requesters }) => requesters));
  return approvers
    .filter(({ person, slack }) => ![person, ...slack].some((name) => asked.has(name)))
    .flatMap(({ slack }) => slack);
}

/** Vetoes and withdrawals that the journal knows although the attestation may not have seen them, in words. */
export async function saidSinceAttested(tx: Queryable, facts: GatesToJudge, judged: JudgedGates): Promise<string[]> {
  const stoppers = await knownStoppers(tx, {
    approvals: facts.approvals.map(({ id }) => id),
    attestedAt: facts.attestation.observedAt,
    approveEmoji: facts.policy.approveEmoji,
    vetoEmoji: facts.policy.vetoEmoji,
    vetoers: vetoersOf(facts),
    counted: [...judged.verdicts.values()].flatMap(({ counted }) => counted.map(({ slackUser }) => slackUser)),
  });
  return stoppers.map(({ approvalId, who, how }) => {
    const gate = facts.approvals.find(({ id }) => id === approvalId)?.gate ?? approvalId;
    return `${gate}: ${who} ${how} a moment ago`;
  });
}
