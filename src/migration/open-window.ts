import { randomUUID } from "node:crypto";
import type { ApprovalPolicy, Approver } from "../approvals/policy.ts";
import { waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import { approvalsOf, lockApprovals, moveApproval, supersedeApprovals } from "../journal/approvals-rows.ts";
import { attestationMs, claimRefusal, readAttestation, requestClaim } from "../journal/claims.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { getMigration, requesters } from "../journal/migrations.ts";
import { journalNow } from "../journal/now.ts";
import { getPhaseRun } from "../journal/phase-runs.ts";
import { windowFacts, type WindowName } from "../journal/phase.ts";
import { currentWindow, openWindowRow, type WindowRun } from "../journal/windows.ts";
import type { Queryable } from "../postgres/connect.ts";
import { type GatesToJudge, type JudgedGates, judgeGates, saidSinceAttested, vetoersOf } from "./gate-objections.ts";
import { gateSubjects } from "./gate-subject.ts";
import { type Lease, takeLease } from "./lease.ts";
import type { RunnerWorld } from "./runner-world.ts";
import type { World } from "./world.ts";

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
  readonly configDigest: string;
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
    clock: world.clock,
    deadlineMs: 3_000,
    everyMs: 50,
    what: `the lease on ${claim.migrationId}`,
  });
  const nonce = randomUUID();
  const approvals = (await approvalsOf(world.journal, claim.migrationId, window.id)).map(({ id }) => id);
  await requestClaim(world.journal, { nonce, approvals, migrationId: claim.migrationId, epoch: lease.epoch });
  const look = async (): Promise<object | string | undefined> =>
    (await readAttestation(world.journal, nonce)) ?? (await claimRefusal(world.journal, nonce));
  const answer = await waitFor(look, {
    clock: world.clock,
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
  if (typeof answer === "string")
    throw new DrawbridgeError("DB_GATE_CLOSED", `the bot could not attest the approvals: ${answer}`);
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
async function consume(world: RunnerWorld, claim: WindowClaim, at: Claimed): Promise<void> {
  const superseded = await fenced(world.journal, at.lease, async (tx) => {
    const approvals = await lockApprovals(tx, at.window.id);
    if ((await getMigration(tx, claim.migrationId))?.intent !== "run") throw closed(["people hold the migration"]);
    const attestation = await readAttestation(tx, at.nonce);
    if (!attestation || attestation.ageMs > attestationMs) throw closed(["the attestation is too old"]);
    const facts: GatesToJudge = {
      window: at.window.name,
      approvals,
      attestation,
      policy: claim.policy,
      approvers: claim.approvers,
      requesters: [...new Set([...(await requesters(tx, claim.migrationId)), claim.by])],
      digests: claim.digests,
      now: await journalNow(tx),
      neededMs: neededMs(at.window),
    };
    const judged = judgeGates(facts);
    if (judged.superseded) {
      // a new digest is a new message with no votes; the old cards are struck out
      await supersedeApprovals(tx, at.window.id, "what would run is no longer what was asked");
      return judged.objections;
    }
    const objections = [...judged.objections, ...(await saidSinceAttested(tx, facts, judged))];
    if (objections.length > 0) throw closed(objections);
    await open(tx, claim, at, { facts, judged });
    return undefined;
  });
  if (superseded) throw closed([...superseded, "`/migrate window` asks for what would run now"]);
}

interface Claimed {
  readonly lease: Lease;
  readonly window: WindowRun;
  readonly nonce: string;
}

/** Consumes every gate, and opens the window. What may stop it later is written down with it. */
async function open(
  tx: Queryable,
  claim: WindowClaim,
  { window, nonce }: Claimed,
  { facts, judged }: { readonly facts: GatesToJudge; readonly judged: JudgedGates },
): Promise<void> {
  const consumed = [...judged.verdicts];
  for (const [id, verdict] of consumed) {
    const move = { from: ["ARMED"], to: "CONSUMED", reason: `go by ${claim.by}`, verdict } as const;
    if (!(await moveApproval(tx, id, move))) throw closed([id]);
  }
  const opened = await openWindowRow(tx, window.id, claim.deadlineMs, {
    attestedAt: facts.attestation.observedAt.toISOString(),
    nonce,
    openedBy: claim.by,
    configDigest: claim.configDigest,
    approveEmoji: claim.policy.approveEmoji,
    vetoEmoji: claim.policy.vetoEmoji,
    vetoers: vetoersOf(facts),
  });
  if (!opened) throw closed(["the window no longer asks"]);
  await appendEvent(tx, {
    migrationId: claim.migrationId,
    kind: "window-opened",
    actor: claim.by,
    facts: { window: window.name, windowId: window.id, approvals: consumed.map(([id]) => id), nonce },
  });
}

/** How long every gate must still live when a window opens: twice its forecast and a minute, in milliseconds. */
export function neededMs({ forecastMs }: Pick<WindowRun, "forecastMs">): number {
  return 2 * forecastMs + 60_000;
}

function closed(reasons: readonly string[]): DrawbridgeError {
  return new DrawbridgeError("DB_GATE_CLOSED", `the window stays closed: ${reasons.join(", ")}`);
}
