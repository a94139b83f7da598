import { afterAll, beforeAll, expect, test } from "vitest";
import { mintAgent, readGoal, setGoal } from "../../src/journal/agent-goals.ts";
import { createApproval } from "../../src/journal/approvals-rows.ts";
import { createDraft } from "../../src/journal/migrations.ts";
import { askWindow, endWindow, openWindowRow, passNoReturn } from "../../src/journal/windows.ts";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { sqlState } from "../../src/postgres/sql-error.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";

let cluster: TestCluster;
let journal: TestJournal;
let agent: Database;
let roleOfBot = "";

beforeAll(async () => {
  cluster = await startCluster();
  journal = await makeJournal(cluster);
  for (const id of ["mine", "other"]) await createDraft(journal.worker, { id, driver: "dan", configDigest: "c" });
  const role = await mintAgent(journal.worker, "mine", scramVerifier(new Secret("pw")));
  for (const id of ["mine", "other"]) await setGoal(journal.worker, id, "standby", {});
  const what = { migrationId: "mine", windowId: undefined, gate: "maintenance", step: "s", digest: "d" } as const;
  await createApproval(journal.worker, {
    id: "ask",
    ...what,
    subject: {},
    evidence: {},
    requesters: [],
    expiresInMs: 60_000,
  });
  agent = openDatabase(new Secret(cluster.url(journal.database, role, "pw")), { applicationName: "agent" });
  const [bot] = await journal.admin.query<{ name: string }>(
    "select role_name as name from journal.part where part = 'bot'",
  );
  roleOfBot = bot?.name ?? "";
});
afterAll(async () => {
  await agent.end();
  await journal[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const vote = `insert into journal.vote (approval_id, person, slack_user, decision, source, eligible)
  values ('ask', 'x', 'U1', 'approve', 'event', true)`;
const asks = (state: string): string =>
  `insert into journal.approval (id, migration_id, gate, step, digest, subject, requesters, expires_at, state)
   values ('forged', 'mine', 'maintenance', 's', 'd', '{}', '{}', now() + interval '1 hour', '${state}')`;
const event = `insert into journal.event (id, at, kind, actor, facts, prev_hash, hash) values (99, now(), 'x', 'x', '{}', '', '')`;
const ofOther = (role: string): string =>
  `insert into journal.agent_state (migration_id, agent_role, epoch, state) values ('other', '${role}', 99, 'primary')`;

/** Every way that we could think of to do another part's work. */
const attempts: Readonly<Record<"worker" | "bot" | "agent", () => readonly string[]>> = {
  worker: () => [
    vote,
    `do $$ begin ${vote}; end $$`,
    "copy journal.vote from program 'true'",
    "insert into journal.attestation (nonce, facts) values ('n', '{}')",
    "update journal.vote set eligible = true",
    "delete from journal.vote",
    "truncate journal.vote",
    `set role "${roleOfBot}"`,
    `set session authorization "${roleOfBot}"`,
    "set session_replication_role = replica",
    "alter table journal.approval disable trigger guard",
    "drop trigger guard on journal.approval",
    ...["PENDING", "ARMED", "CONSUMED"].map((state) => `update journal.approval set state = '${state}'`),
    "create temp table part (role_name name, part text); insert into part values (session_user, 'bot'); set search_path = pg_temp; update journal.approval set state = 'PENDING'",
    "update journal.approval set digest = 'x'",
    "update journal.approval set expires_at = 'infinity'",
    "update journal.approval set requesters = '{}'",
    "update journal.approval set window_id = null",
    asks("ARMED"),
    "delete from journal.approval",
    "delete from journal.requester",
    "update journal.requester set person = 'x'",
    event,
    "update journal.event set actor = 'x'",
    "delete from journal.event",
    "truncate journal.event",
    "update journal.undo_note set note = '{}'",
    "update journal.part set part = 'bot'",
    "update journal.command set person = 'x'",
    "create function journal.evil() returns int language sql as 'select 1'",
    "create role evil login",
  ],
  bot: () => [
    asks("OPENING"),
    "update journal.approval set digest = 'x'",
    "update journal.approval set requesters = '{}'",
    ...["CONSUMED", "SUPERSEDED"].map((state) => `update journal.approval set state = '${state}'`),
    "insert into journal.claim_request (nonce, migration_id, approvals, epoch) values ('n', 'mine', '{ask}', 1)",
    "insert into journal.step_attempt (migration_id, phase, step, try, epoch, state, worker) values ('mine', 'p', 's', 1, 1, 'succeeded', 'x')",
    "insert into journal.window_run (migration_id, name, try, state, asked_by, forecast_ms) values ('mine', 'window-1', 1, 'open', 'x', 1)",
    "update journal.window_run set no_return_at = now()",
    "update journal.migration set intent = 'run'",
    "update journal.agent_goal set goal = 'primary'",
    "delete from journal.requester",
    "delete from journal.vote",
    "update journal.attestation set facts = '{}'",
    "select journal.mint_agent('mine', 'SCRAM-SHA-256$1:')",
    event,
    "truncate journal.outbox",
  ],
  agent: () => [
    ofOther("drawbridge_agent_mine"),
    ofOther("drawbridge_agent_other"),
    "update journal.agent_goal set goal = 'primary'",
    "update journal.agent_goal set epoch = 99",
    "insert into journal.agent_goal (migration_id, agent_role, epoch, goal) values ('mine', 'x', 1, 'primary')",
    "select state from journal.migration",
    "select person from journal.vote",
    "select journal.append_event('mine', 'x', 'x', '{}')",
    "select journal.mint_agent('mine', 'SCRAM-SHA-256$1:')",
  ],
};

test.each(["worker", "bot", "agent"] as const)("the %s is refused by the server, whatever it tries", async (part) => {
  const db = part === "agent" ? agent : journal[part];
  const allowed: string[] = [];
  for (const statement of attempts[part]()) {
    const state = await db.query(statement).then(
      () => "allowed",
      (thrown: unknown) => sqlState(thrown) ?? String(thrown),
    );
    if (state !== "42501") allowed.push(`${state}: ${statement}`);
  }
  expect(allowed).toEqual([]);
});

test("beyond window 1's point of no return nobody can have the bridge wiped or restored over", async () => {
  const id = "production";
  await createDraft(journal.worker, { id, driver: "dan", configDigest: "c" });
  await setGoal(journal.worker, id, "standby", {});
  const windowId = await askWindow(journal.worker, {
    migrationId: id,
    name: "window-1",
    try: 1,
    askedBy: "dan",
    forecastMs: 1,
  });
  await openWindowRow(journal.worker, windowId, 60_000, {});
  await setGoal(journal.worker, id, "wiped", {});
  await setGoal(journal.worker, id, "primary", {});
  expect(await passNoReturn(journal.worker, windowId, 0n)).toBeInstanceOf(Date);
  await endWindow(journal.worker, windowId, "closed", "done");
  for (const goal of ["wiped", "standby"] as const) {
    await expect(setGoal(journal.worker, id, goal, {})).rejects.toThrow(/is production/);
  }
  await setGoal(journal.worker, id, "primary", { firstBackup: true });
  expect((await readGoal(journal.worker, id))?.goal).toBe("primary");
});
