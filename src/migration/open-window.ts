import { randomUUID } from "node:crypto";
import { type AttestedApproval, parseAttestation } from "../approvals/attestation.ts";
import { evaluate } from "../approvals/evaluate.ts";
import type { ApprovalPolicy, Approver, NamedResult } from "../approvals/policy.ts";
import { waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import { type Approval, approvalsOf, lockApprovals, moveApproval } from "../journal/approvals-rows.ts";
import { readAttestation, requestClaim } from "../journal/claims.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { requesters } from "../journal/migrations.ts";
import { getPhaseRun } from "../journal/phase-runs.ts";
import { windowFacts, type WindowName } from "../journal/phase.ts";
import { currentWindow, openWindowRow, type WindowRun } from "../journal/windows.ts";
import type { Queryable } from "../postgres/connect.ts";
import { gateSubjects } from "./gate-subject.ts";
import { type Lease, takeLease } from "./lease.ts";
import type { RunnerWorld } from "./runner-world.ts";
import type { World } from "./world.ts";

/** Longest age of an attestation, and longest wait for one (law 4). */
const attestationMs = 10_000;

/** What opening a window is judged by. */
export interface WindowClaim {
  readonly migrationId: string;
  readonly windowId: number;
  /** Who typed `go`; they may not have voted. */
  readonly by: string;
  readonly policy: ApprovalPolicy;
  readonly approvers: readonly Approver[];
  /** The digest of what each gate would do as of now. */
  readonly digests: ReadonlyMap<string, string>;
  /** Digest of the configuration that the subjects were made from: the window runs under no other. */
  readonly configDigest?: string;
  /** How long the window may stay open before its point of no return; `undefined`: no deadline. */
  readonly deadlineMs: number | undefined;
}

/**
 * `go`: opens a window that asked, with the policy and the subjects of the configuration.
 * @throws DrawbridgeError `DB_GATE_CLOSED` with every reason, `DB_LEASE_LOST` when a worker is busy with the migration.
 */
export async function openWindow(world: World, go: { readonly windowId: number; readonly by: string }): Promise<void> {
  const { approvals, slack, policy } = world.config;
  const window = await currentWindow(world.journal, world.migrationId);
  const name: WindowName = window?.name ?? "window-1";
  const subjects = await gateSubjects(world, name);
  await claimWindow(world, {
    ...go,
    migrationId: world.migrationId,
    policy: { ...approvals, team: slack.team, enterprise: slack.enterprise },
    approvers: approvals.approvers,
    configDigest: world.configDigest,
    digests: new Map(subjects.map(({ gate, digest }) => [gate, digest])),
    // retiring has no outage that a deadline would end
    deadlineMs: name === "retire" ? undefined : policy.windowDeadlineSeconds * 1_000,
  });
}

/** Like {@link openWindow}, for whoever has the facts already. */
export async function claimWindow(world: RunnerWorld, claim: WindowClaim): Promise<void> {
  const window = await askingWindow(world, claim);
  await using lease = await waitFor(() => takeLease(world.journal, claim.migrationId), {
    deadlineMs: 3_000,
    everyMs: 50,
    what: `the lease on ${claim.migrationId}`,
  });
  const nonce = randomUUID();
  const approvals = (await approvalsOf(world.journal, claim.migrationId, window.id)).map(({ id }) => id);
  await requestClaim(world.journal, { nonce, approvals, migrationId: claim.migrationId, epoch: lease.epoch });
  await waitFor(() => readAttestation(world.journal, nonce), {
    deadlineMs: attestationMs,
    everyMs: 50,
    signal: lease.lost,
    what: "the bot's attestation",
  }).catch((cause: unknown) => {
    throw new DrawbridgeError(
      "DB_GATE_CLOSED",
      "the bot did not attest the approvals in time: is it up, and is Slack?",
      { cause },
    );
  });
  await consume(world, claim, { lease, window, nonce });
}

async function askingWindow(world: RunnerWorld, claim: WindowClaim): Promise<WindowRun> {
  const window = await currentWindow(world.journal, claim.migrationId);
  const phase = window && (await getPhaseRun(world.journal, claim.migrationId, windowFacts[window.name].phase));
  if (
    window?.id === claim.windowId &&
    window.state === "asking" &&
    phase?.try === window.try &&
    phase.state === "waiting"
  ) {
    return window;
  }
  throw new DrawbridgeError("DB_GATE_CLOSED", "this window is no longer the one that is asked for");
}

/** One transaction: lock, judge the attestation, consume every gate, open. Any objection leaves all as it was. */
async function consume(
  world: RunnerWorld,
  claim: WindowClaim,
  at: { readonly lease: Lease; readonly window: WindowRun; readonly nonce: string },
): Promise<void> {
  await fenced(world.journal, at.lease, async (tx) => {
    const approvals = await lockApprovals(tx, at.window.id);
    const attestation = await readAttestation(tx, at.nonce);
    if (!attestation || attestation.ageMs > attestationMs) throw closed(["the attestation is too old"]);
    const people = [...new Set([...(await requesters(tx, claim.migrationId)), claim.by])];
    const seen = new Map(parseAttestation(attestation.facts).map((one) => [one.id, one]));
    const now = await journalNow(tx);
    const objections = windowFacts[at.window.name].gates.flatMap((gate) => {
      const approval = approvals.find((one) => one.gate === gate && one.state === "ARMED");
      const look = approval && seen.get(approval.id);
      if (!approval || !look) return [`${gate}: not armed`];
      return objectionsTo(approval, look, { claim, people, now, neededMs: 2 * at.window.forecastMs + 60_000 });
    });
    if (objections.length > 0) throw closed(objections);
    const armed = approvals.filter((approval) => approval.state === "ARMED");
    for (const { id } of armed) {
      if (!(await moveApproval(tx, id, { from: ["ARMED"], to: "CONSUMED", reason: `go by ${claim.by}` })))
        throw closed([id]);
    }
    const seenAt = attestation.observedAt.toISOString();
    const facts = { attestedAt: seenAt, nonce: at.nonce, openedBy: claim.by, configDigest: claim.configDigest };
    if (!(await openWindowRow(tx, at.window.id, claim.deadlineMs, facts))) throw closed(["the window no longer asks"]);
    await appendEvent(tx, {
      migrationId: claim.migrationId,
      kind: "window-opened",
      actor: claim.by,
      facts: { window: at.window.name, windowId: at.window.id, approvals: armed.map(({ id }) => id), nonce: at.nonce },
    });
  });
}

function objectionsTo(
  approval: Approval,
  look: AttestedApproval,
  on: {
    readonly claim: WindowClaim;
    readonly people: readonly string[];
    readonly now: Date;
    readonly neededMs: number;
  },
): string[] {
  const { gate } = approval;
  const verdict = evaluate({
    ...look,
    policy: on.claim.policy,
    approvers: on.claim.approvers,
    // whoever asked since the card was posted may not have voted either
    request: { ...approval, requesters: [...new Set([...approval.requesters, ...on.people])] },
    currentDigest: on.claim.digests.get(gate) ?? "",
    now: on.now,
  });
  if (verdict.state !== "open") return [`${gate}: ${unmet(verdict.reasons).join("; ") || verdict.state}`];
  const leftMs = approval.expiresAt.getTime() - on.now.getTime();
  return leftMs < on.neededMs ? [`${gate}: would expire inside the window; ask again`] : [];
}

function unmet(result: NamedResult): string[] {
  return result.because.filter((part) => !part.ok).map((part) => part.says);
}

function closed(reasons: readonly string[]): DrawbridgeError {
  return new DrawbridgeError("DB_GATE_CLOSED", `the window stays closed: ${reasons.join(", ")}`);
}

async function journalNow(tx: Queryable): Promise<Date> {
  const [row] = await tx.query<{ now: Date }>("select clock_timestamp() as now");
  return row?.now ?? new Date();
}
