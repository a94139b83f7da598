import { afterAll, beforeAll, expect, test } from "vitest";
import type { AttestedApproval } from "../../src/approvals/attestation.ts";
import { systemClock } from "../../src/clock.ts";
import { approvalsOf, createApproval, moveApproval } from "../../src/journal/approvals-rows.ts";
import { refuseClaim, unansweredClaims, writeAttestation } from "../../src/journal/claims.ts";
import { addRequester, type Asker } from "../../src/journal/migrations.ts";
import { windowFacts } from "../../src/journal/phase.ts";
import { askWindow, currentWindow } from "../../src/journal/windows.ts";
import { silentLog } from "../../src/log.ts";
import { claimWindow } from "../../src/migration/open-window.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";
import { migrationAt } from "./runner-kit.ts";

let cluster: TestCluster;
let journal: TestJournal;
let made = 0;
let endBot: () => void;
/** Who stands with ✅ on every card when the bot looks, and how long ago it looked. */
let standing: string[] = [];
let lookedMs = 0;
/** Why the bot cannot attest just now. */
let away: string | undefined;
let asker: Asker = { person: "dan", slackUser: "UDAN" };

const member = {
  deleted: false,
  isBot: false,
  isRestricted: false,
  isUltraRestricted: false,
  teamId: "T1",
  isMember: true,
};
const approvers = [
  { person: "ann", slack: ["UANN"] },
  { person: "bob", slack: ["UBOB"] },
  { person: "cat", slack: ["UCAT"] },
];

beforeAll(async () => {
  cluster = await startCluster();
  journal = await makeJournal(cluster);
  // the bot's part: it answers each claim with what it sees
  endBot = await journal.bot.listen(({ table }) => {
    if (table === "claim_request") void answer();
  });
});
afterAll(async () => {
  endBot();
  await journal[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

async function answer(): Promise<void> {
  for (const { nonce, approvals } of await unansweredClaims(journal.bot, `go-${made}`)) {
    if (away !== undefined) {
      await refuseClaim(journal.bot, nonce, away);
      continue;
    }
    const people = Object.fromEntries(approvers.flatMap(({ slack }) => slack.map((id) => [id, member])));
    const reactions = standing.map((slackUser) => ({ slackUser, name: "white_check_mark", standing: true }));
    const seen = (id: string): AttestedApproval => ({
      id,
      reactions,
      people,
      truncated: [],
      messageGone: false,
      channelShared: false,
    });
    const facts = JSON.parse(JSON.stringify({ approvals: approvals.map(seen) }));
    await writeAttestation(journal.bot, nonce, facts, new Date(Date.now() - lookedMs));
  }
}

/** A window 1 whose gates are all armed, and how `go` for it ends. */
async function go(digest = "d", expiresInMs = 600_000): Promise<{ readonly id: string; readonly refusal: string }> {
  const id = `go-${++made}`;
  await migrationAt(journal.worker, id, "promote");
  await addRequester(journal.worker, id, asker, "go");
  const ask = { migrationId: id, name: "window-1", try: 1, askedBy: "dan", forecastMs: 1_000 } as const;
  const windowId = await askWindow(journal.worker, ask);
  for (const gate of windowFacts["window-1"].gates) {
    const what = { gate, step: gate, digest: "d", subject: {}, evidence: {}, requesters: ["dan"], expiresInMs };
    await createApproval(journal.worker, { ...what, id: `${id}-${gate}`, migrationId: id, windowId });
    await moveApproval(journal.bot, `${id}-${gate}`, { from: ["OPENING"], to: "PENDING" });
    await moveApproval(journal.bot, `${id}-${gate}`, { from: ["PENDING"], to: "ARMED" });
  }
  const world = {
    journal: journal.worker,
    clock: systemClock,
    log: silentLog,
    configDigest: "c",
    fault: async () => undefined,
  };
  const policy = { required: 2, approveEmoji: "white_check_mark", vetoEmoji: "no_entry", team: "T1" };
  const digests = new Map<string, string>(windowFacts["window-1"].gates.map((gate) => [gate, digest]));
  const claim = {
    migrationId: id,
    windowId,
    by: "dan",
    policy,
    approvers,
    digests,
    configDigest: "c",
    deadlineMs: 60_000,
  };
  const refusal = await claimWindow(world, claim).then(
    () => "",
    (error: unknown) => String(error),
  );
  return { id, refusal };
}

async function states(id: string): Promise<string[]> {
  const gates = (await approvalsOf(journal.bot, id)).map(({ state }) => state);
  return [(await currentWindow(journal.bot, id))?.state ?? "none", ...gates];
}

const untouched = ["asking", "ARMED", "ARMED", "ARMED"];

test("go consumes all gates at once when two people stand by them this moment", async () => {
  [standing, lookedMs] = [["UANN", "UBOB"], 0];
  const { id, refusal } = await go();
  expect(refusal).toBe("");
  expect(await states(id)).toEqual(["open", "CONSUMED", "CONSUMED", "CONSUMED"]);
});

test("go is refused at once, with the reason, when the bot cannot attest", async () => {
  [standing, lookedMs, away] = [["UANN", "UBOB"], 0, "Slack limits how often it may be asked; try again in 30 s"];
  const { id, refusal } = await go();
  away = undefined;
  expect(refusal).toContain(
    "could not attest the approvals: Slack limits how often it may be asked; try again in 30 s",
  );
  expect(await states(id)).toEqual(untouched);
});

test("go is refused, and nothing consumed, when one has left since the gates were armed", async () => {
  [standing, lookedMs] = [["UANN"], 0];
  const { id, refusal } = await go();
  expect(refusal).toMatch(/maintenance: .*1 more of bob, cat/);
  expect(await states(id)).toEqual(untouched);
});

test("go is refused on another plan, on an attestation older than 10 s, and when gates would run out inside", async () => {
  [standing, lookedMs] = [["UANN", "UBOB"], 0];
  const changed = await go("changed since");
  expect(changed.refusal).toMatch(/no longer what was asked/);
  const short = await go("d", 30_000);
  expect(short.refusal).toMatch(/would expire inside the window/);
  lookedMs = 10_500;
  const stale = await go();
  expect(stale.refusal).toMatch(/too old/);
  for (const { id } of [short, stale]) expect(await states(id)).toEqual(untouched);
  // a new digest is a new message with no votes
  expect(await states(changed.id)).toEqual(["asking", "SUPERSEDED", "SUPERSEDED", "SUPERSEDED"]);
});

test("whoever asked may not vote, although the configuration gives them another name now", async () => {
  [standing, lookedMs] = [["UANN", "UBOB"], 0];
  asker = { person: "robert", slackUser: "UBOB" };
  const { id, refusal } = await go();
  asker = { person: "dan", slackUser: "UDAN" };
  expect(refusal).toMatch(/maintenance: .*1 more of cat/);
  expect(await states(id)).toEqual(untouched);
});

test("without the bot's word within ten seconds the gate stays closed", async () => {
  endBot();
  const { id, refusal } = await go();
  expect(refusal).toMatch(/did not attest/);
  expect(await states(id)).toEqual(untouched);
});
