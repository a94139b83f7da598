import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { explain } from "../../src/errors.ts";
import { openDatabase } from "../../src/postgres/connect.ts";
import { listen } from "../../src/postgres/listen.ts";
import { openSession } from "../../src/postgres/session.ts";
import { sqlState } from "../../src/postgres/sql-error.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;
beforeAll(async () => void (cluster = await startCluster()));
afterAll(() => cluster[Symbol.asyncDispose]());
const url = () => new Secret(cluster.url());

describe("a pool", () => {
  test("gives big numbers as strings, moments as dates, and days as they are written", async () => {
    await using db = openDatabase(url(), { applicationName: "drawbridge-test" });
    const [row] = await db.query<Record<string, unknown>>(
      `select 9223372036854775807::int8 as big, 1.50::numeric as exact, '2026-01-02T03:04:05Z'::timestamptz as moment,
              '2026-01-02'::date as day, '2026-01-02 03:04'::timestamp as wall, null::text as nothing`,
    );
    expect(row).toEqual({
      big: "9223372036854775807",
      exact: "1.50",
      moment: new Date("2026-01-02T03:04:05Z"),
      day: "2026-01-02",
      wall: "2026-01-02 03:04:00",
      nothing: null,
    });
  });

  test("rolls back what fails, and its connection is good for the next", async () => {
    await using db = openDatabase(url(), { applicationName: "drawbridge-test", max: 1 });
    await db.query("create table t (n int primary key)");
    const failing = db.transaction(async (tx) => {
      await tx.query("insert into t values (1)");
      await tx.query("insert into t values (1)");
    });
    const error = await failing.catch((thrown: unknown) => thrown);
    expect(sqlState(error)).toBe("23505");
    expect(await db.query("select n from t")).toEqual([]);
    const level = await db.transaction((tx) => tx.query("show transaction_isolation"), {
      isolation: "serializable",
    });
    expect(level).toEqual([{ transaction_isolation: "serializable" }]);
    const slow = db.transaction((tx) => tx.query("select pg_sleep(5)"), { statementTimeoutMs: 20 });
    await expect(slow).rejects.toMatchObject({ code: "DB_WAIT_TIMEOUT" });
  });

  test("survives the end of its idle connections", async () => {
    await using db = openDatabase(url(), { applicationName: "drawbridge-test", max: 1 });
    const [row] = await db.query<{ pid: number }>("select pg_backend_pid() as pid");
    await cluster.query(`select pg_terminate_backend(${row?.pid}, 5000)`);
    const alive = await waitFor(() => db.query("select 1 as n").catch(() => undefined), {
      what: "a new connection",
      deadlineMs: 20_000,
    });
    expect(alive).toEqual([{ n: 1 }]);
  });

  test("names host and port, never the password, when nobody answers", async () => {
    await using db = openDatabase(new Secret("postgres://u:hunter2@127.0.0.1:1/x"), {
      applicationName: "drawbridge-test",
    });
    const error = await db.query("select 1").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "DB_CONNECTION" });
    expect(explain(error)).toContain("127.0.0.1:1");
    expect(explain(error)).not.toContain("hunter2");
  });
});

describe("a session", () => {
  test("says at once that it was lost, and nothing when it was closed", async () => {
    await using session = await openSession(url(), { applicationName: "drawbridge-test" });
    await using other = await openSession(url(), { applicationName: "drawbridge-test" });
    await cluster.query(`select pg_terminate_backend(${session.pid})`);
    await waitFor(() => session.lost.aborted, { what: "the loss", deadlineMs: 20_000, everyMs: 5 });
    await other.close();
    expect(other.lost.aborted).toBe(false);
  });

  test("a session whose server is frozen counts as lost after its heartbeat", async () => {
    await using session = await openSession(url(), { applicationName: "drawbridge-test", heartbeatMs: 100 });
    process.kill(session.pid, "SIGSTOP");
    try {
      await waitFor(() => session.lost.aborted, { what: "the loss", deadlineMs: 20_000, everyMs: 5 });
    } finally {
      process.kill(session.pid, "SIGCONT");
    }
    expect(session.lost.aborted).toBe(true);
  });
});

describe("listening", () => {
  test("goes on after its connection broke", async () => {
    const heard: string[] = [];
    let reconnects = 0;
    const options = { applicationName: "drawbridge-ears", retryMs: 20, onReconnect: () => void reconnects++ };
    await using _listener = await listen(
      url(),
      ["Bell"],
      (channel, payload) => void heard.push(`${channel}:${payload}`),
      options,
    );
    await cluster.query(`select pg_notify('Bell', 'one')`);
    await waitFor(() => heard.length === 1, { what: "one", deadlineMs: 20_000, everyMs: 5 });
    await cluster.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'drawbridge-ears'",
    );
    await waitFor(() => reconnects === 1, { what: "reconnect", deadlineMs: 20_000, everyMs: 5 });
    await cluster.query(`select pg_notify('Bell', 'two')`);
    await waitFor(() => heard.length === 2, { what: "two", deadlineMs: 20_000, everyMs: 5 });
    expect(heard).toEqual(["Bell:one", "Bell:two"]);
  });
});
