import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { openDatabase } from "../../src/postgres/connect.ts";
import { controlOptions } from "../../src/postgres/fence-sessions.ts";
import { raiseFence } from "../../src/postgres/fence.ts";
import { commitMarker, ensureMarkerTable, seesMarker } from "../../src/postgres/marker.ts";
import { liftFence, testUnfence } from "../../src/postgres/unfence.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;
let database: string;
let url: Secret;

beforeAll(async () => {
  cluster = await startCluster({ settings: { max_locks_per_transaction: 64, max_connections: 30 } });
  await cluster.query("create role app login; grant pg_monitor, pg_signal_backend, pg_read_all_settings to app");
  await cluster.query("create role other login");
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  database = await cluster.createDatabase({ owner: "app" });
  url = new Secret(cluster.url(database, "app"));
  const app = await connect();
  await app.query(`create table orders (n int); create table "Odd ""Name" (n int);
    create table parts (n int) partition by range (n); create table parts_1 partition of parts for values from (0) to (10)`);
  await app.end();
});

async function connect(user = "app"): Promise<Client> {
  const client = new Client({ connectionString: cluster.url(database, user) });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

describe("the fence, set by an owner without superuser", () => {
  test("ends writers in mid-transaction and stops BEGIN READ WRITE; reading goes on", async () => {
    await testUnfence(url, database);
    const writer = await connect();
    await writer.query("begin; insert into orders values (1)");
    await using fence = await raiseFence({ url, database, deadlineMs: 5_000 });
    expect(fence.lockedTables).toBe(4);
    await expect(writer.query("commit")).rejects.toThrow(/terminat|not queryable/);

    const stubborn = await connect();
    await stubborn.query("set lock_timeout = '100ms'");
    // the parser waits for the table's lock before the executor would say "read-only"
    await expect(stubborn.query("insert into orders values (2)")).rejects.toThrow(/lock timeout/);
    await expect(stubborn.query("create table t (n int)")).rejects.toThrow(/read-only/);
    await stubborn.query("begin read write");
    await expect(stubborn.query("insert into orders values (3)")).rejects.toThrow(/lock timeout/);
    await stubborn.query("rollback; begin read write");
    await expect(stubborn.query("insert into parts values (3)")).rejects.toThrow(/lock timeout/);
    await stubborn.query("rollback");
    expect((await stubborn.query("select n from orders")).rows).toEqual([]);
    expect(await fence.otherBackends()).toMatchObject([{ user: "app", endable: true }]);
    await fence.prove();
    expect(await fence.otherBackends()).toEqual([]);
    expect(fence.lockedAt.getTime()).toBeGreaterThanOrEqual(fence.fencedAt.getTime());
  });

  test("lets our own marker through", async () => {
    await using db = openDatabase(url, { applicationName: "drawbridge-test", options: controlOptions });
    await ensureMarkerTable(db);
    await using fence = await raiseFence({ url, database, deadlineMs: 5_000 });
    await commitMarker(fence.control, "window-1", "n0nce");
    expect(await seesMarker(db, "n0nce")).toBe(true);
    expect(await seesMarker(db, "another")).toBe(false);
  });

  test("gets its locks although new writers keep coming", async () => {
    let stop = false;
    const storm = Array.from({ length: 4 }, async () => {
      while (!stop) {
        const client = await connect().catch(() => undefined);
        await client
          ?.query("begin read write; insert into orders values (1); select pg_sleep(60)")
          .catch(() => undefined);
        await client?.end().catch(() => undefined);
      }
    });
    try {
      await using fence = await raiseFence({ url, database, deadlineMs: 10_000 });
      await expect(fence.prove()).resolves.toBeUndefined();
    } finally {
      stop = true;
      await cluster.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
      await Promise.all(storm);
    }
  });

  test("is lifted again, twice if need be, and sessions born read-only do not stay so", async () => {
    const fence = await raiseFence({ url, database, deadlineMs: 5_000 });
    const born = await connect();
    await fence.release();
    expect(await liftFence(url, database)).toBe(true);
    await expect(born.query("select 1")).rejects.toThrow(/terminat|not queryable/);
    expect(await liftFence(url, database)).toBe(false);
    const app = await connect();
    await app.query("insert into orders values (9)");
    await app.end();
    expect(fence.lost.aborted).toBe(false);
  });

  test("says at once when its session is lost", async () => {
    await using fence = await raiseFence({ url, database, deadlineMs: 5_000 });
    await cluster.query(`select pg_terminate_backend(${fence.pid})`);
    await waitFor(() => fence.lost.aborted, { what: "the loss", deadlineMs: 20_000, everyMs: 5 });
    await expect(fence.prove()).rejects.toMatchObject({ code: "DB_FENCE_LOST" });
  });

  test("notices a table that was made behind it", async () => {
    await using fence = await raiseFence({ url, database, deadlineMs: 5_000 });
    const sly = await connect();
    await sly.query("set default_transaction_read_only = off");
    await sly.query("create table sly (n int)");
    await sly.end();
    await expect(fence.prove()).rejects.toThrow(/"sly"/);
  });
});

describe("a fence whose process vanished without a word", () => {
  // to the server it is a session like this one: connected, silent, in a transaction
  async function leftBehind(): Promise<Client> {
    const client = await connect();
    await client.query("set application_name = 'drawbridge-fence-locks'; begin; lock table orders in exclusive mode");
    return client;
  }

  test("does not keep writers out once it is lifted", async () => {
    await leftBehind();
    await liftFence(url, database);
    const app = await connect();
    await app.query("set lock_timeout = '100ms'; insert into orders values (1)");
    expect((await app.query("select n from orders")).rows).toEqual([{ n: 1 }]);
    await app.end();
  });

  test("does not stand in the way of the next one", async () => {
    await leftBehind();
    await using fence = await raiseFence({ url, database, deadlineMs: 3_000 });
    await expect(fence.prove()).resolves.toBeUndefined();
  });

  test("ends by itself within half a minute: the server looks whether we live", async () => {
    await using db = openDatabase(url, { applicationName: "drawbridge-test" });
    expect(await db.query("select current_setting('tcp_keepalives_idle') as idle")).toEqual([{ idle: "10" }]);
  });
});

describe("a fence that cannot be set", () => {
  test("names the table that the role may not lock, before anything is touched", async () => {
    await cluster.query("create table of_other (n int); alter table of_other owner to other", database);
    await expect(testUnfence(url, database)).rejects.toThrow(/of_other.*owner other/);
    await expect(raiseFence({ url, database, deadlineMs: 2_000 })).rejects.toMatchObject({ code: "DB_FENCE_REFUSED" });
    const app = await connect();
    await app.query("insert into orders values (1)");
    await app.end();
  });

  test("names who is in the way at the deadline, and takes away what it had set", async () => {
    const root = await connect("postgres");
    await root.query("begin; insert into orders values (1)");
    await expect(raiseFence({ url, database, deadlineMs: 300 })).rejects.toThrow(/in the way: pid \d+ .*postgres/);
    await root.query("commit");
    await root.end();
    const app = await connect();
    await app.query("insert into orders values (2)");
    await app.end();
  });

  test("stops trying when told, and leaves the database open", async () => {
    const root = await connect("postgres");
    await root.query("begin; insert into orders values (1)");
    const stop = new AbortController();
    const raising = raiseFence({ url, database, deadlineMs: 20_000, signal: stop.signal });
    await waitFor(
      async () =>
        (
          await cluster.query(
            `select 1 from pg_stat_activity where application_name = 'drawbridge-fence-locks' and wait_event_type = 'Lock'`,
          )
        ).length > 0,
      { what: "waiting", deadlineMs: 5_000, everyMs: 10 },
    );
    stop.abort(new Error("enough"));
    await expect(raising).rejects.toThrow("enough");
    await root.end();
    expect(
      await cluster.query(
        `select 1 from pg_stat_activity where datname = '${database}' and application_name like 'drawbridge%'`,
      ),
    ).toEqual([]);
    const app = await connect();
    await app.query("insert into orders values (2)");
    await app.end();
  });
});

describe("the bridge's fence, set by a superuser", () => {
  test("also takes LOGIN from the application's roles, and gives it back", async () => {
    const root = new Secret(cluster.url(database));
    const fence = await raiseFence({ url: root, database, deadlineMs: 5_000, nologin: ["app"] });
    await expect(connect()).rejects.toThrow(/not permitted to log in/);
    await fence.release();
    await liftFence(root, database, { login: ["app"] });
    await (await connect()).end();
  });
});
