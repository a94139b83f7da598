import { WebClient } from "@slack/web-api";
import { expect, it } from "vitest";
import { parseAttestation } from "../../src/approvals/attestation.ts";
import { systemClock, waitFor } from "../../src/clock.ts";
import { createApproval, placeApproval } from "../../src/journal/approvals-rows.ts";
import {
  attestationMs,
  claimRefusal,
  readAttestation,
  requestClaim,
  unansweredClaims,
  writeAttestation,
} from "../../src/journal/claims.ts";
import { createDraft } from "../../src/journal/migrations.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import { addReaction, postMessage } from "../../src/sandbox/slack/acts.ts";
import { ids, team } from "../../src/sandbox/slack/cast.ts";
import type { Rates } from "../../src/sandbox/slack/rates.ts";
import { type SlackStandIn, startSlack } from "../../src/sandbox/slack/server.ts";
import { type Attester, openAttester } from "../../src/slack/attest.ts";
import { openClients } from "../../src/slack/client.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { settings as base } from "./settings.ts";

const { journal } = await journalOfFile();
const channel = "C0MIGRATION";
const botToken = new Secret("xoxb-test-token");
const voters = [ids.ann, ids.bob, ids.cyn, ids.greg, ids.dana];
const gates = ["maintenance", "promote", "database-url"] as const;
/** Calls a minute of each method of a tier; as many may come at once. */
const perMinute = 60;

interface Scene extends AsyncDisposable {
  readonly migration: string;
  readonly slack: SlackStandIn;
  readonly attester: Attester;
  /** Asks for an attestation, of the three gates unless told, as a worker does. */
  claim(approvals?: readonly string[]): Promise<string>;
  /** Uses up all calls of a method but so many. */
  drain(method: "reactions.get" | "users.info", left: number): Promise<void>;
  /** The answers that Slack gave from now on, by method. */
  calls(method: string): string[];
}

let made = 0;

/** Three posted gates on which five listed people have voted, and a bot's attester. */
async function openScene(tier3 = perMinute): Promise<Scene> {
  const rates: Rates = {
    postsPerSecondPerChannel: 100,
    postBurst: 100,
    perMinute: { tier2: perMinute, tier3, tier4: perMinute, special: perMinute },
  };
  const slack = await startSlack({ signingSecret: new Secret("s"), botToken, rates });
  const migration = `attested-${++made}`;
  const approvers = voters.map((id) => ({ person: id, slack: [id] }));
  const settings = {
    ...base,
    migration,
    slack: { ...base.slack, team: team.id, apiUrl: slack.apiUrl },
    approvals: { ...base.approvals, approvers },
  };
  await createDraft(journal.worker, { id: migration, driver: "greg", configDigest: "c" });
  const place = slack.channels.get(channel);
  const approvals: string[] = [];
  for (const gate of gates) {
    if (place === undefined) throw new Error("the cast has changed");
    const card = postMessage(slack.workspace, place, { user: ids.drawbridge, text: gate });
    for (const each of voters) {
      const person = slack.people.get(each);
      if (person !== undefined) addReaction(slack.workspace, place, card, person, "white_check_mark");
    }
    const id = `${migration}-${gate}`;
    const what = { gate, step: gate, digest: "d", subject: {}, evidence: {}, requesters: ["zoe"] };
    await createApproval(journal.worker, {
      ...what,
      id,
      migrationId: migration,
      windowId: undefined,
      expiresInMs: 600_000,
    });
    await placeApproval(journal.bot, id, channel, card.ts);
    approvals.push(id);
  }
  const { attest: client } = openClients(settings, botToken, silentLog);
  const attester = openAttester({
    journal: journal.bot,
    settings,
    botUser: ids.drawbridge,
    client,
    clock: systemClock,
    log: silentLog,
  });
  const other = new WebClient(botToken.reveal(), { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } });
  let from = 0;
  return {
    migration,
    slack,
    attester,
    claim: async (asked = approvals) => {
      const nonce = `${migration}-${performance.now()}`;
      await requestClaim(journal.worker, { nonce, approvals: asked, migrationId: migration, epoch: 0n });
      return nonce;
    },
    drain: async (method, left) => {
      const limit = method === "reactions.get" ? tier3 : perMinute;
      const ask = (): Promise<unknown> =>
        method === "reactions.get"
          ? other.reactions.get({ channel, timestamp: "1.1" }).catch(() => undefined)
          : other.users.info({ user: ids.ann });
      await Promise.all(Array.from({ length: limit - left }, ask));
      from = slack.workspace.log.length;
    },
    calls: (method) => slack.workspace.log.slice(from).flatMap((line) => (line.name === method ? line.outcome : [])),
    [Symbol.asyncDispose]: async () => {
      await attester.stop();
      await slack.stop();
    },
  };
}

it("an attestation of three gates reads what they share once, and each gate's reactions once", async () => {
  await using scene = await openScene();
  const nonce = await scene.claim();
  await scene.attester.round();
  await scene.attester.settled();
  const attested = parseAttestation((await readAttestation(journal.worker, nonce))?.facts);
  expect(attested.map(({ id }) => id)).toEqual(gates.map((gate) => `${scene.migration}-${gate}`));
  for (const { people, reactions, channelShared } of attested) {
    expect(Object.keys(people).toSorted()).toEqual(voters.toSorted());
    expect(Object.values(people).every(({ isMember }) => isMember)).toBe(true);
    expect(reactions.map(({ slackUser }) => slackUser).toSorted()).toEqual(voters.toSorted());
    expect(channelShared).toBe(false);
  }
  expect(scene.calls("reactions.get")).toHaveLength(3);
  expect(scene.calls("conversations.info")).toHaveLength(1);
  expect(scene.calls("conversations.members")).toHaveLength(1);
  expect(scene.calls("users.info")).toHaveLength(5);
});

it("votes that the journal has as they stand are not written again", async () => {
  await using scene = await openScene();
  const written = (): Promise<readonly object[]> =>
    journal.admin.query(
      "select v.xmin, v.* from journal.vote v join journal.approval a on a.id = approval_id where migration_id = $1 order by 2, 3",
      [scene.migration],
    );
  for (const nonce of [await scene.claim(), await scene.claim()]) {
    await scene.attester.round();
    await scene.attester.settled();
    expect(await readAttestation(journal.worker, nonce)).toBeDefined();
  }
  const before = await written();
  expect(before).toHaveLength(15);
  const again = await scene.claim();
  await scene.attester.round();
  await scene.attester.settled();
  expect(await readAttestation(journal.worker, again)).toBeDefined();
  expect(await written()).toEqual(before);
});

it("reads that Slack limits wait their turn, keep what was read, and date from before the first read", async () => {
  await using scene = await openScene();
  await scene.drain("reactions.get", 1);
  await scene.drain("users.info", 2);
  const nonce = await scene.claim();
  const [asked] = await journal.admin.query<{ at: Date }>("select clock_timestamp() as at");
  // as the loop does, again and again while one is under way
  const answered = waitFor(
    async () => {
      await scene.attester.round();
      return readAttestation(journal.worker, nonce);
    },
    { what: "the attestation", deadlineMs: attestationMs, everyMs: 100 },
  );
  const { facts, observedAt, ageMs } = await answered;
  expect(parseAttestation(facts).map(({ people }) => Object.keys(people).length)).toEqual([5, 5, 5]);
  const done = (method: string): number => scene.calls(method).filter((outcome) => outcome === "ok").length;
  expect([done("reactions.get"), done("users.info"), done("conversations.info")]).toEqual([3, 5, 1]);
  expect(scene.calls("reactions.get")).toContain("429");
  expect(observedAt.getTime() - (asked?.at.getTime() ?? 0)).toBeLessThan(500);
  expect(ageMs).toBeGreaterThan(1_000);
});

it("a limit that outlasts the worker's wait is said at once, and the claim is left alone", async () => {
  await using scene = await openScene(3);
  await scene.drain("reactions.get", 0);
  const nonce = await scene.claim();
  await scene.attester.round();
  await scene.attester.settled();
  expect(await claimRefusal(journal.worker, nonce)).toMatch(/^Slack limits how often .* in \d\d? s$/);
  expect(await unansweredClaims(journal.bot, scene.migration)).toEqual([]);
  expect(await readAttestation(journal.worker, nonce)).toBeUndefined();
});

it("a claim that nobody waits for any more is not answered", async () => {
  await using scene = await openScene();
  const nonce = await scene.claim();
  await journal.admin.query(
    "update journal.claim_request set created_at = created_at - interval '10 seconds' where nonce = $1",
    [nonce],
  );
  expect(await unansweredClaims(journal.bot, scene.migration)).toEqual([]);
  await scene.attester.round();
  await scene.attester.settled();
  expect(scene.calls("reactions.get")).toEqual([]);
  expect(await writeAttestation(journal.bot, nonce, {})).toBe(false);
});

it("a claim that waits for Slack holds up no newer one", async () => {
  await using scene = await openScene();
  await scene.drain("reactions.get", 0);
  const first = await scene.claim();
  await scene.attester.round();
  await waitFor(() => scene.calls("reactions.get").length > 0, { what: "the first to be limited", deadlineMs: 5_000 });
  const second = await scene.claim([]);
  await scene.attester.round();
  const isAnswered = (nonce: string) => async () => (await readAttestation(journal.worker, nonce)) !== undefined;
  await waitFor(isAnswered(second), { what: "the second", deadlineMs: attestationMs, everyMs: 5 });
  expect(await isAnswered(first)()).toBe(false);
  await waitFor(isAnswered(first), { what: "the first", deadlineMs: attestationMs });
});
