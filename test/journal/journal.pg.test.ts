import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import {
  deleteMintedAgent,
  mintAgent,
  readAgentState,
  readGoal,
  setGoal,
  writeAgentState,
} from "../../src/journal/agent-goals.ts";
import { agentJournal } from "../../src/journal/agent-journal.ts";
import { createApproval, moveApproval, placeApproval } from "../../src/journal/approvals-rows.ts";
import {
  attemptsOf,
  finishAttempt,
  invalidate,
  recordedSuccess,
  startAttempt,
  timings,
} from "../../src/journal/attempts.ts";
import { readAttestation, requestClaim, unansweredClaims, writeAttestation } from "../../src/journal/claims.ts";
import { answerCommand, claimCommand, getCommand, insertCommand, pendingCommands } from "../../src/journal/commands.ts";
import { appendEvent, readEvents, verifyChain } from "../../src/journal/events.ts";
import { fenced } from "../../src/journal/fenced.ts";
import { insertInbound, markHandled, unhandledInbound } from "../../src/journal/inbound.ts";
import { initJournal } from "../../src/journal/init.ts";
import {
  addRequester,
  createDraft,
  getMigration,
  listActive,
  requesters,
  setIntent,
  setState,
} from "../../src/journal/migrations.ts";
import { openJournal } from "../../src/journal/open.ts";
import { dueOutbox, intend, isSent, markDead, markSent, retryLater } from "../../src/journal/outbox.ts";
import { getPhaseRun, markPhase, raiseTry, releasePhase } from "../../src/journal/phase-runs.ts";
import { addSample, latestSample, pruneSamples, sampleSeries } from "../../src/journal/samples.ts";
import { readUndoNote, writeUndoNote } from "../../src/journal/undo-notes.ts";
import { upsertVote, votesOn, withdrawVote } from "../../src/journal/votes.ts";
import {
  askWindow,
  currentWindow,
  endWindow,
  openWindowRow,
  passNoReturn,
  windowStops,
} from "../../src/journal/windows.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { sqlState } from "../../src/postgres/sql-error.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";

// passwords count, so that the roles' own credentials are what is tested
const hba = "local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256";
let cluster: TestCluster;
let journal: TestJournal;
let made = 0;

beforeAll(async () => {
  cluster = await startCluster({ hba });
  journal = await makeJournal(cluster);
});
afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

async function migration(): Promise<string> {
  const id = `shop-${++made}`;
  await createDraft(journal.worker, { id, driver: "dan", configDigest: "c0ffee" });
  return id;
}

async function approval(id: string, windowId?: number): Promise<string> {
  const name = `${id}-maintenance-${++made}`;
  await createApproval(journal.worker, {
    id: name,
    migrationId: id,
    windowId,
    gate: "maintenance",
    step: "turn-maintenance-on",
    digest: "d1",
    subject: { app: "shop" },
    evidence: {},
    requesters: ["dan"],
    expiresInMs: 60_000,
  });
  return name;
}

/** The server's own refusal, not a fault of ours. */
async function refused(act: Promise<unknown>): Promise<void> {
  const error: unknown = await act.then(
    () => new Error("it was allowed"),
    (thrown: unknown) => thrown,
  );
  expect(sqlState(error), String(error)).toBe("42501");
}

describe("the schema", () => {
  test("is brought up to date once and can be initialised again with another password", async () => {
    await using other = await makeJournal(cluster);
    const before = await other.admin.query<{ n: number }>("select count(*)::integer as n from journal.schema_version");
    const [worker] = await other.admin.query<{ r: string }>(
      "select role_name as r from journal.part where part = 'worker'",
    );
    const [bot] = await other.admin.query<{ r: string }>("select role_name as r from journal.part where part = 'bot'");
    const verifier = scramVerifier(new Secret("renewed"));
    await initJournal({
      adminUrl: other.urls.admin,
      bot: { role: bot?.r ?? "", verifier },
      worker: { role: worker?.r ?? "", verifier },
    });
    expect(await other.admin.query("select count(*)::integer as n from journal.schema_version")).toEqual(before);
    await using renewed = openJournal(new Secret(cluster.url(other.database, worker?.r, "renewed")), "worker");
    expect(await listActive(renewed)).toEqual([]);
    await using old = openJournal(new Secret(cluster.url(other.database, worker?.r, "stale")), "worker");
    await expect(listActive(old)).rejects.toMatchObject({ code: "DB_CONNECTION" });
  });

  test("refuses to work on a newer journal", async () => {
    await using other = await makeJournal(cluster);
    await other.admin.query("insert into journal.schema_version (version, file) values (900, 'future')");
    const verifier = scramVerifier(new Secret("x"));
    const init = initJournal({
      adminUrl: other.urls.admin,
      bot: { role: "b_x", verifier },
      worker: { role: "w_x", verifier },
    });
    await expect(init).rejects.toMatchObject({ code: "DB_JOURNAL_CONFLICT" });
  });

  test("takes no password in place of a verifier", async () => {
    const login = (role: string) => ({ role, verifier: "hunter2" });
    const init = initJournal({ adminUrl: journal.urls.admin, bot: login("b_y"), worker: login("w_y") });
    await expect(init).rejects.toMatchObject({ code: "DB_CONFIG" });
  });
});

describe("what the database itself refuses", () => {
  test("the worker neither votes nor attests", async () => {
    const id = await migration();
    const gate = await approval(id);
    const vote = {
      approvalId: gate,
      person: "ann",
      slackUser: "U1",
      decision: "approve",
      source: "event",
      eligible: true,
    } as const;
    await refused(upsertVote(journal.worker, vote));
    await upsertVote(journal.bot, vote);
    await refused(withdrawVote(journal.worker, vote));
    await requestClaim(journal.worker, { nonce: `n-${id}`, approvals: [gate], migrationId: id, epoch: 1n });
    await refused(writeAttestation(journal.worker, `n-${id}`, {}));
    await writeAttestation(journal.bot, `n-${id}`, { ok: true });
    await refused(journal.worker.query("update journal.attestation set facts = '{}'"));
    await refused(journal.bot.query("update journal.attestation set facts = '{}'"));
  });

  test("the bot runs nothing", async () => {
    const id = await migration();
    const place = { migrationId: id, phase: "preflight", step: "run-checks", try: 1 } as const;
    await refused(startAttempt(journal.bot, place, { migrationId: id, epoch: 0n }, "bot"));
    await refused(markPhase(journal.bot, place, { state: "done" }));
    await refused(askWindow(journal.bot, { migrationId: id, name: "window-1", try: 1, askedBy: "x", forecastMs: 1 }));
    await refused(requestClaim(journal.bot, { nonce: "b", approvals: [], migrationId: id, epoch: 1n }));
    await refused(setIntent(journal.bot, id, "run", "bot"));
    await refused(setGoal(journal.bot, id, "primary", {}));
    await refused(mintAgent(journal.bot, id, "SCRAM-SHA-256$4096:x$y:z"));
    const gate = await approval(id);
    await refused(journal.bot.query("update journal.approval set digest = 'other' where id = $1", [gate]));
  });

  test("nobody writes the event log directly, or remembers anew", async () => {
    const id = await migration();
    await appendEvent(journal.worker, { migrationId: id, kind: "test", actor: "worker" });
    for (const part of [journal.bot, journal.worker]) {
      await refused(part.query("update journal.event set kind = 'x'"));
      await refused(part.query("delete from journal.event"));
      await refused(part.query("insert into journal.event values (99, null, now(), 'x', 'x', '{}', '', '')"));
    }
    const place = { migrationId: id, phase: "preflight", step: "s", try: 1 } as const;
    await writeUndoNote(journal.worker, place, { web: 2 });
    await writeUndoNote(journal.worker, place, { web: 0 });
    expect(await readUndoNote(journal.worker, place)).toEqual({ web: 2 });
    await refused(journal.worker.query("update journal.undo_note set note = '{}'"));
  });

  test("approvals move only where their part may move them, and terminal ones never", async () => {
    const id = await migration();
    const gate = await approval(id);
    await refused(moveApproval(journal.worker, gate, { from: ["OPENING"], to: "PENDING" }));
    await refused(moveApproval(journal.bot, gate, { from: ["OPENING"], to: "ARMED" }));
    await placeApproval(journal.bot, gate, "C1", "1.2");
    expect(await moveApproval(journal.bot, gate, { from: ["OPENING"], to: "PENDING" })).toBe(true);
    expect(await moveApproval(journal.bot, gate, { from: ["PENDING"], to: "ARMED" })).toBe(true);
    await refused(moveApproval(journal.bot, gate, { from: ["ARMED"], to: "CONSUMED" }));
    await refused(moveApproval(journal.bot, gate, { from: ["ARMED"], to: "SUPERSEDED" }));
    expect(await moveApproval(journal.bot, gate, { from: ["ARMED"], to: "DENIED", reason: "veto" })).toBe(true);
    for (const part of [journal.bot, journal.worker, journal.admin]) {
      await refused(part.query("update journal.approval set state = 'PENDING' where id = $1", [gate]));
      await refused(part.query("update journal.approval set state_reason = 'x' where id = $1", [gate]));
    }
    await refused(
      journal.worker.query(
        `insert into journal.approval (id, migration_id, gate, step, digest, subject, requesters, expires_at, state)
         values ('forged', $1, 'promote', 's', 'd', '{}', '{}', now() + interval '1 hour', 'ARMED')`,
        [id],
      ),
    );
  });

  test("consuming needs an attestation of the bot that is ten seconds old at most", async () => {
    const id = await migration();
    const gate = await approval(id);
    await moveApproval(journal.bot, gate, { from: ["OPENING"], to: "PENDING" });
    await moveApproval(journal.bot, gate, { from: ["PENDING"], to: "ARMED" });
    const consume = () => moveApproval(journal.worker, gate, { from: ["ARMED"], to: "CONSUMED" });
    await refused(consume());
    await requestClaim(journal.worker, { nonce: `old-${id}`, approvals: [gate], migrationId: id, epoch: 1n });
    await writeAttestation(journal.bot, `old-${id}`, {}, 11_000);
    await refused(consume());
    await requestClaim(journal.worker, { nonce: `new-${id}`, approvals: [gate], migrationId: id, epoch: 1n });
    expect((await unansweredClaims(journal.bot)).map((claim) => claim.nonce)).toContain(`new-${id}`);
    await writeAttestation(journal.bot, `new-${id}`, {});
    expect((await readAttestation(journal.worker, `new-${id}`))?.ageMs).toBeLessThan(10_000);
    expect(await consume()).toBe(true);
  });

  test("an agent sees its own rows and changes no goal", async () => {
    const [mine, other] = [await migration(), await migration()];
    for (const id of [mine, other]) await setGoal(journal.worker, id, "standby", { backup: "LATEST" });
    const role = await mintAgent(journal.worker, mine, scramVerifier(new Secret("agent-pw")));
    await using journalOfAgent = openJournal(new Secret(cluster.url(journal.database, role, "agent-pw")), "agent");
    const agent = agentJournal(journalOfAgent, mine);
    expect(await agent.readGoal()).toMatchObject({ epoch: 1n, goal: "standby", params: { backup: "LATEST" } });
    expect(await readGoal(journalOfAgent, other)).toBeUndefined();
    await agent.writeState({ migrationId: mine, epoch: 1n, state: "following", facts: { replayLsn: "0/1" } });
    await agent.writeState({ migrationId: mine, epoch: 0n, state: "hello", facts: {} });
    expect(await readAgentState(journal.worker, mine)).toMatchObject({ state: "following", epoch: 1n });
    await refused(writeAgentState(journalOfAgent, { migrationId: other, epoch: 9n, state: "primary", facts: {} }));
    await refused(journalOfAgent.query("update journal.agent_goal set goal = 'wiped'"));
    await refused(listActive(journalOfAgent));
    let changed = 0;
    const stop = agent.onGoalChange(() => (changed += 1));
    await waitFor(
      async () => {
        await setGoal(journal.worker, mine, "standby", {});
        return changed > 0;
      },
      { deadlineMs: 5_000, everyMs: 20, what: "the agent to hear of its goal" },
    );
    stop();
    await deleteMintedAgent(journal.worker, mine);
    await using late = openJournal(new Secret(cluster.url(journal.database, role, "agent-pw")), "agent");
    await expect(readGoal(late, mine)).rejects.toMatchObject({ code: "DB_CONNECTION" });
  });

  test("while the agent promotes, its goal cannot be changed; after a change it does not promote", async () => {
    const id = await migration();
    const epoch = await setGoal(journal.worker, id, "primary", {});
    const role = await mintAgent(journal.worker, id, scramVerifier(new Secret("agent-pw")));
    await using own = openJournal(new Secret(cluster.url(journal.database, role, "agent-pw")), "agent");
    const agent = agentJournal(own, id);
    const order: string[] = [];
    let change: Promise<unknown> | undefined;
    await agent.withGoalLocked(epoch, async () => {
      change = setGoal(journal.worker, id, "wiped", {}).then(() => order.push("changed"));
      await waitFor(
        async () => {
          const rows = await journal.admin.query("select pid from pg_locks where not granted");
          return rows.length > 0;
        },
        { deadlineMs: 5_000, everyMs: 10, what: "the worker to wait" },
      );
      order.push("promoted");
    });
    await change;
    expect(order).toEqual(["promoted", "changed"]);
    expect(await agent.withGoalLocked(epoch, async () => "promoted")).toBeUndefined();
  });
});

describe("what the journal keeps", () => {
  test("migrations, intent and requesters", async () => {
    const id = await migration();
    await createDraft(journal.worker, { id, driver: "eve", configDigest: "other" });
    await setIntent(journal.worker, id, "hold", "dan");
    await setState(journal.worker, id, "active");
    for (const verb of ["start", "go", "go"]) await addRequester(journal.worker, id, "dan", verb);
    expect(await getMigration(journal.bot, id)).toMatchObject({
      driver: "dan",
      state: "active",
      intent: "hold",
      phase: "preflight",
      epoch: 0n,
    });
    expect(await requesters(journal.bot, id)).toEqual(["dan"]);
  });

  test("nothing is recorded under an epoch that was overtaken", async () => {
    const id = await migration();
    const place = { migrationId: id, phase: "preflight", step: "look", try: 1 } as const;
    await journal.worker.query("update journal.migration set epoch = 2 where id = $1", [id]);
    const stale = { migrationId: id, epoch: 1n };
    await expect(fenced(journal.worker, stale, (tx) => startAttempt(tx, place, stale, "w"))).rejects.toMatchObject({
      code: "DB_LEASE_LOST",
    });
    expect(await attemptsOf(journal.worker, place)).toEqual([]);
  });

  test("attempts, their outputs and times; invalid ones no longer count", async () => {
    const id = await migration();
    const place = { migrationId: id, phase: "preflight", step: "look", try: 1 } as const;
    const fence = { migrationId: id, epoch: 0n };
    const failed = await startAttempt(journal.worker, place, fence, "w");
    await finishAttempt(journal.worker, failed, { error: { code: "DB_AWS", message: "no", outcome: "retryable" } });
    const good = await startAttempt(journal.worker, place, fence, "w");
    await finishAttempt(journal.worker, good, { output: { bytes: "12" } });
    expect((await recordedSuccess(journal.bot, place))?.output).toEqual({ bytes: "12" });
    expect(await timings(journal.bot, id)).toMatchObject([{ phase: "preflight", step: "look", attempts: 2 }]);
    await invalidate(journal.worker, place, ["look"]);
    expect(await recordedSuccess(journal.bot, place)).toBeUndefined();
    expect(await raiseTry(journal.worker, id, "preflight")).toBe(2);
    await markPhase(journal.worker, place, {
      state: "failed",
      failures: 1,
      error: { code: "DB_AWS", message: "no", outcome: "terminal" },
    });
    expect(await releasePhase(journal.worker, id)).toBe(true);
    expect(await getPhaseRun(journal.bot, id, "preflight")).toMatchObject({ try: 2, state: "waiting", failures: 0 });
  });

  test("one living window, its deadline, its veto and its point of no return", async () => {
    const id = await migration();
    const ask = { migrationId: id, name: "window-1", try: 1, askedBy: "dan", forecastMs: 1000 } as const;
    const first = await askWindow(journal.worker, ask);
    await expect(askWindow(journal.worker, ask)).rejects.toThrow(/window_run_one_alive/);
    const gate = await approval(id, first);
    await openWindowRow(journal.worker, first, 60_000, {});
    expect(await windowStops(journal.worker, first)).toMatchObject({ past: false, stoppedBy: undefined });
    await moveApproval(journal.bot, gate, { from: ["OPENING"], to: "PENDING" });
    await moveApproval(journal.bot, gate, { from: ["PENDING"], to: "ARMED" });
    await requestClaim(journal.worker, { nonce: `w-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await writeAttestation(journal.bot, `w-${id}`, {});
    await moveApproval(journal.worker, gate, { from: ["ARMED"], to: "CONSUMED" });
    await upsertVote(journal.bot, {
      approvalId: gate,
      person: "bob",
      slackUser: "U2",
      decision: "veto",
      source: "event",
      eligible: true,
    });
    expect(await windowStops(journal.worker, first)).toMatchObject({ stoppedBy: { person: "bob", how: "vetoed" } });
    expect(await passNoReturn(journal.worker, first, 0n)).toBeUndefined();
    await withdrawVote(journal.bot, { approvalId: gate, slackUser: "U2", decision: "veto" });
    expect(await passNoReturn(journal.worker, first, 7n)).toBeUndefined();
    await setIntent(journal.worker, id, "abort", "ann");
    expect(await passNoReturn(journal.worker, first, 0n)).toBeUndefined();
    await setIntent(journal.worker, id, "run", "ann");
    expect(await passNoReturn(journal.worker, first, 0n)).toBeInstanceOf(Date);
    await endWindow(journal.worker, first, "closed", "done");
    const late = await askWindow(journal.worker, ask);
    await openWindowRow(journal.worker, late, -1, {});
    expect(await passNoReturn(journal.worker, late, 0n)).toBeUndefined();
    expect((await currentWindow(journal.worker, id))?.id).toBe(late);
  });

  test("votes stand, fall and stand again", async () => {
    const gate = await approval(await migration());
    const vote = {
      approvalId: gate,
      person: "ann",
      slackUser: "U1",
      decision: "approve",
      source: "event",
      eligible: true,
    } as const;
    expect(await upsertVote(journal.bot, vote)).toBe(true);
    expect(await upsertVote(journal.bot, vote)).toBe(false);
    expect(await withdrawVote(journal.bot, vote)).toBe(true);
    expect(await withdrawVote(journal.bot, vote)).toBe(false);
    expect((await votesOn(journal.bot, [gate]))[0]?.withdrawnAt).toBeInstanceOf(Date);
    expect(await upsertVote(journal.bot, vote)).toBe(true);
  });

  test("deliveries and commands once, whatever Slack repeats", async () => {
    const delivery = { dedupKey: "Ev1", kind: "event", body: { type: "reaction_added" } } as const;
    expect(await insertInbound(journal.bot, delivery)).toBe("new");
    expect(await insertInbound(journal.bot, delivery)).toBe("seen");
    expect(await unhandledInbound(journal.bot)).toMatchObject([{ dedupKey: "Ev1" }]);
    await markHandled(journal.bot, "Ev1");
    expect(await unhandledInbound(journal.bot)).toEqual([]);
    const typed = { dedupKey: "T1", verb: "go", args: { n: 1 }, person: "dan", slackUser: "U9", channel: "C1" };
    const id = await insertCommand(journal.bot, typed);
    expect(await insertCommand(journal.bot, typed)).toBeUndefined();
    expect(await pendingCommands(journal.worker)).toHaveLength(1);
    await journal.worker.transaction(async (tx) => {
      const mine = await claimCommand(tx);
      expect(mine?.id).toBe(id);
      await journal.worker.transaction(async (other) => expect(await claimCommand(other)).toBeUndefined());
      expect(await answerCommand(tx, mine?.id ?? 0, { text: "opened" })).toBe(true);
    });
    expect(await getCommand(journal.bot, id ?? 0)).toMatchObject({ state: "answered", reply: { text: "opened" } });
  });

  test("one message per key, rendered anew only when its facts changed", async () => {
    const id = await migration();
    const message = {
      kind: "gate",
      migrationId: id,
      key: "g1",
      audience: "main",
      priority: 1,
      facts: { n: 1 },
    } as const;
    const row = await intend(journal.worker, message);
    expect(await intend(journal.worker, message)).toBe(row);
    expect((await dueOutbox(journal.bot)).find((due) => due.id === row)).toMatchObject({
      revision: 1,
      sentRevision: 0,
    });
    await intend(journal.worker, { ...message, facts: { n: 2 } });
    await markSent(journal.bot, row, { revision: 1, channel: "C1", messageTs: "1.1" });
    expect(await isSent(journal.bot, message)).toBe(false);
    await retryLater(journal.bot, row, 60_000, "rate limited");
    expect((await dueOutbox(journal.bot)).some((due) => due.id === row)).toBe(false);
    await markSent(journal.bot, row, { revision: 2, channel: "C1", messageTs: "1.1" });
    expect(await isSent(journal.bot, message)).toBe(true);
    await markDead(journal.bot, row, "channel archived");
    expect(await isSent(journal.bot, message)).toBe(false);
  });

  test("samples by kind and time", async () => {
    const id = await migration();
    for (const n of [1, 2, 3]) await addSample(journal.worker, id, "lag", { n });
    expect((await latestSample(journal.bot, id, "lag"))?.facts).toEqual({ n: 3 });
    const series = await sampleSeries(journal.bot, id, "lag", new Date(0), 2);
    expect(series.map((sample) => sample.facts["n"])).toEqual([2, 3]);
    expect(await pruneSamples(journal.worker, -1000)).toBeGreaterThanOrEqual(3);
  });
});

describe("the event log", () => {
  test("is a chain: an altered or a missing line is found", async () => {
    await using other = await makeJournal(cluster);
    await createDraft(other.worker, { id: "m", driver: "dan", configDigest: "c" });
    const parts = [other.bot, other.worker];
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        appendEvent(parts[n % 2] ?? other.bot, { migrationId: "m", kind: "k", actor: "a", facts: { n } }),
      ),
    );
    expect(await verifyChain(other.bot)).toBeUndefined();
    expect(await readEvents(other.bot, "m", { afterId: 15n })).toHaveLength(5);
    const tamper = (sql: string) =>
      other.admin.transaction(async (tx) => {
        await tx.query("alter table journal.event disable trigger written_once");
        await tx.query(sql);
        await tx.query("alter table journal.event enable trigger written_once");
      });
    await tamper("update journal.event set facts = '{\"n\": 99}' where id = 7");
    expect(await verifyChain(other.bot)).toBe(7n);
    await tamper("delete from journal.event where id = 5");
    expect(await verifyChain(other.bot)).toBe(6n);
  });

  test("changes are announced to whoever listens", async () => {
    const heard: string[] = [];
    const stop = await journal.bot.listen((change) => heard.push(`${change.table}:${change.migrationId}`));
    const id = await migration();
    await setIntent(journal.worker, id, "hold", "dan");
    const gate = await approval(id);
    await requestClaim(journal.worker, { nonce: `h-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await writeAttestation(journal.bot, `h-${id}`, {});
    await intend(journal.worker, { kind: "note", migrationId: id, key: "k", audience: "thread" });
    await appendEvent(journal.bot, { migrationId: id, kind: "k", actor: "bot" });
    const wanted = ["migration", "approval", "claim_request", "attestation", "outbox", "event"].map(
      (table) => `${table}:${id}`,
    );
    await waitFor(() => wanted.every((line) => heard.includes(line)), {
      deadlineMs: 5_000,
      everyMs: 10,
      what: "notifications",
    });
    stop();
  });
});
