import { afterAll, beforeAll, expect, test } from "vitest";
import { mintAgent, readGoal, setGoal } from "../../src/journal/agent-goals.ts";
import { createApproval } from "../../src/journal/approvals-rows.ts";
import { appendEvent } from "../../src/journal/events.ts";
import { initJournal } from "../../src/journal/init.ts";
import { createDraft } from "../../src/journal/migrations.ts";
import { askWindow, endWindow, openWindowRow, passNoReturn } from "../../src/journal/windows.ts";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { sqlState } from "../../src/postgres/sql-error.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";
import { forbidden } from "./forbidden-statements.ts";

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

test.each(["worker", "bot", "agent"] as const)("the %s is refused by the server, whatever it tries", async (part) => {
  const db = part === "agent" ? agent : journal[part];
  const allowed: string[] = [];
  for (const statement of forbidden(roleOfBot)[part]) {
    const state = await db.query(statement).then(
      () => "allowed",
      (thrown: unknown) => sqlState(thrown) ?? String(thrown),
    );
    if (state !== "42501") allowed.push(`${state}: ${statement}`);
  }
  expect(allowed).toEqual([]);
});

test("nobody can hand on rights that it has not: such a grant is none", async () => {
  const before = await journal.admin.query(
    "select relacl::text from pg_class where relnamespace = 'journal'::regnamespace order by relname",
  );
  for (const part of [journal.worker, journal.bot])
    await part.query("grant all on journal.event, journal.event_head to public");
  expect(
    await journal.admin.query(
      "select relacl::text from pg_class where relnamespace = 'journal'::regnamespace order by relname",
    ),
  ).toEqual(before);
});

test("an agent sees the rows of its own migration, and no trace of another's", async () => {
  for (const table of ["agent_goal", "agent_state"]) {
    const rows = await agent.query<{ id: string }>(`select migration_id as id from journal.${table}`);
    expect(rows.filter(({ id }) => id !== "mine")).toEqual([]);
  }
  expect(await agent.query("select 1 from journal.agent_goal where migration_id = 'mine'")).toHaveLength(1);
  expect(
    await agent.query("update journal.agent_goal set seen_at = now() where migration_id = 'other' returning 1"),
  ).toEqual([]);
});

test("the worker keeps the locks that leases are made of", async () => {
  const [lock] = await journal.worker.query<{ won: boolean }>("select pg_try_advisory_lock(7306, 77) as won");
  expect(lock?.won).toBe(true);
});

test("an administrator who may not take the locks away is told so, and everything else is as it should be", async () => {
  const database = await cluster.createDatabase();
  await cluster.query("create role modest login createrole password 'pw'");
  await cluster.query(`alter database "${database}" owner to modest`);
  const login = (role: string) => ({ role, verifier: scramVerifier(new Secret("pw")) });
  const adminUrl = new Secret(cluster.url(database, "modest", "pw"));
  expect(await initJournal({ adminUrl, bot: login("modest_bot"), worker: login("modest_worker") })).toMatchObject({
    agentsMayLock: true,
  });
  await using worker = openDatabase(new Secret(cluster.url(database, "modest_worker", "pw")), { applicationName: "w" });
  await createDraft(worker, { id: "m", driver: "dan", configDigest: "c" });
  expect(await appendEvent(worker, { migrationId: "m", kind: "k", actor: "a" })).toBe(1n);
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
