import { describe, expect, test } from "vitest";
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
import { moveApproval, placeApproval } from "../../src/journal/approvals-rows.ts";
import { startAttempt } from "../../src/journal/attempts.ts";
import { readAttestation, requestClaim, unansweredClaims, writeAttestation } from "../../src/journal/claims.ts";
import { appendEvent } from "../../src/journal/events.ts";
import { initJournal } from "../../src/journal/init.ts";
import { listActive, setIntent } from "../../src/journal/migrations.ts";
import { openJournal } from "../../src/journal/open.ts";
import { markPhase } from "../../src/journal/phase-runs.ts";
import { demandSchema } from "../../src/journal/schema-version.ts";
import { readUndoNote, writeUndoNote } from "../../src/journal/undo-notes.ts";
import { upsertVote, withdrawVote } from "../../src/journal/votes.ts";
import { askWindow } from "../../src/journal/windows.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { sqlState } from "../../src/postgres/sql-error.ts";
import { Secret } from "../../src/redact.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { makeJournal } from "../support/journal.ts";
import { journalKit, passwordsCount } from "./kit.ts";

const { cluster, journal } = await journalOfFile({ hba: passwordsCount });
const { migration, approval } = journalKit(journal);

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
    await expect(demandSchema(other.bot)).rejects.toThrow(/version 900, .*run the newer program/);
  });

  test("bot and worker do not begin on an older one", async () => {
    await using other = await makeJournal(cluster);
    for (const part of [other.bot, other.worker]) await demandSchema(part);
    await other.admin.query(
      "delete from journal.schema_version where version = (select max(version) from journal.schema_version)",
    );
    for (const part of [other.bot, other.worker])
      await expect(demandSchema(part)).rejects.toThrow(/run `drawbridge journal init` first/);
  });

  test("takes no password in place of a verifier", async () => {
    const login = (role: string) => ({ role, verifier: "hunter2" });
    const init = initJournal({ adminUrl: journal.urls.admin, bot: login("b_y"), worker: login("w_y") });
    await expect(init).rejects.toMatchObject({ code: "DB_CONFIG" });
  });
});

describe("what the database itself refuses", () => {
  test("the worker neither votes nor attests", async () => {
    expect.hasAssertions();
    const id = await migration();
    const gate = await approval(id);
    const vote = {
      approvalId: gate,
      person: "ann",
      slackUser: "U1",
      decision: "approve",
      eligible: true,
    } as const;
    await refused(upsertVote(journal.worker, vote));
    await upsertVote(journal.bot, vote);
    await refused(withdrawVote(journal.worker, vote));
    await requestClaim(journal.worker, { nonce: `n-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await refused(writeAttestation(journal.worker, `n-${id}`, {}));
    await writeAttestation(journal.bot, `n-${id}`, { ok: true });
    await refused(journal.worker.query("update journal.attestation set facts = '{}'"));
    await refused(journal.bot.query("update journal.attestation set facts = '{}'"));
  });

  test("the bot runs nothing", async () => {
    expect.hasAssertions();
    const id = await migration();
    const place = { migrationId: id, phase: "preflight", step: "run-checks", try: 1 } as const;
    await refused(startAttempt(journal.bot, place, { migrationId: id, epoch: 0n }, "bot"));
    await refused(markPhase(journal.bot, place, { state: "done" }));
    await refused(askWindow(journal.bot, { migrationId: id, name: "window-1", try: 1, askedBy: "x", forecastMs: 1 }));
    await refused(requestClaim(journal.bot, { nonce: "b", approvals: [], migrationId: id, epoch: 0n }));
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
    await requestClaim(journal.worker, { nonce: `old-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await writeAttestation(journal.bot, `old-${id}`, {}, new Date(Date.now() - 11_000));
    await refused(consume());
    await requestClaim(journal.worker, { nonce: `new-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    expect((await unansweredClaims(journal.bot, id)).map((claim) => claim.nonce)).toContain(`new-${id}`);
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
