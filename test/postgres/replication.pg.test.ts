import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { databaseIdentity, extensions, walPosition } from "../../src/postgres/catalog.ts";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { commitMarker, ensureMarkerTable, markerTable, seesMarker } from "../../src/postgres/marker.ts";
import {
  dropPublication,
  ensurePublication,
  planReplicaIdentities,
  publishedTables,
  setReplicaIdentities,
} from "../../src/postgres/publications.ts";
import { applicationRoles, copyRoles } from "../../src/postgres/roles.ts";
import { dumpSchema, loadSchema, type Section } from "../../src/postgres/schema-dump.ts";
import { derivePassword, scramVerifier } from "../../src/postgres/scram.ts";
import { compareSequences, readSequences, setSequences } from "../../src/postgres/sequences.ts";
import { advanceSlot, createSlot, dropSlot, dropSyncSlots, slotStatus } from "../../src/postgres/slots.ts";
import * as subs from "../../src/postgres/subscriptions.ts";
import { tablesWithRows, userTables } from "../../src/postgres/tables.ts";
import { compareHashes, hashTables } from "../../src/postgres/verify.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { nastyRows, nastySchema } from "./nasty-schema.ts";

const key = new Secret("0123456789abcdef0123456789abcdef");
const password = (role: string) => derivePassword(key, "m1", role, 1);
// passwords are asked of all but the superusers, as a publisher must for a subscriber who is none
const hba = (superuser: string) =>
  `local all all trust\nhost all ${superuser} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256`;
const settings = {
  wal_level: "logical",
  max_worker_processes: 16,
  max_logical_replication_workers: 10,
  max_sync_workers_per_subscription: 4,
};
const bounds = { deadlineMs: 20_000 };
const subscription = (name: string, publisher: Secret) => {
  return { name, publication: name, publisher, createSlot: false, copyData: false, enabled: false };
};
const load = (url: Secret, sections: Section[] = []) =>
  loadSchema({ bindir: bridge.bindir, url, file: join(folder, "schema.dump"), sections, deadlineMs: 60_000 });

let bridge: TestCluster;
let target: TestCluster;
let source: Database;
let sink: Database;
let folder: string;
let bridgeUrl: Secret;
let targetUrl: Secret;

beforeAll(async () => {
  folder = await mkdtemp("/tmp/drawbridge-schema-");
  [bridge, target] = await Promise.all([
    startCluster({ settings, hba: hba("postgres") }),
    startCluster({ version: 17, superuser: "rdsadmin", settings, hba: hba("rdsadmin") }),
  ]);
  await bridge.query(`create role app login password '${scramVerifier(password("app"))}'; create role reader;
    create role "Odd Role" login in role reader; alter role app set search_path = "$user", public;
    create role drawbridge_repl login replication superuser password '${scramVerifier(password("drawbridge_repl"))}'`);
  await bridge.query("create database shop owner app");
  await bridge.query("create extension citext; create extension hstore; create extension pg_trgm", "shop");
  await bridge.query(
    `set role app; ${nastySchema}; ${nastyRows}; alter table no_key_json owner to "Odd Role"`.replace(
      "set role app;",
      'grant create on schema public to "Odd Role"; grant "Odd Role" to app; set role app;',
    ),
    "shop",
  );
  // the master role of RDS: no superuser
  await target.query(
    `create role master login createdb createrole replication password '${scramVerifier(password("master"))}'; grant pg_create_subscription to master`,
  );
  targetUrl = new Secret(target.url("shop", "master", password("master").reveal()));
  bridgeUrl = new Secret(bridge.url("shop", "drawbridge_repl", password("drawbridge_repl").reveal()));
  await using admin = openDatabase(new Secret(target.url("postgres", "master", password("master").reveal())), {
    applicationName: "drawbridge-test",
  });
  await admin.query("create database shop template template0 owner master");
  source = openDatabase(bridgeUrl, { applicationName: "drawbridge-test" });
  sink = openDatabase(targetUrl, { applicationName: "drawbridge-test" });
});
afterAll(async () => {
  await Promise.all([source?.end(), sink?.end()]);
  await Promise.all([bridge?.[Symbol.asyncDispose](), target?.[Symbol.asyncDispose]()]);
  await rm(folder, { recursive: true, force: true });
});

describe("a migration's database path, PostgreSQL 15 to 17, as a master role that is no superuser", () => {
  test("roles with their passwords, memberships and settings; extensions; the whole schema", async () => {
    const roles = await applicationRoles(source);
    expect(roles.map(({ name }) => name)).toEqual(["Odd Role", "app", "reader"]);
    expect(await copyRoles(sink, roles, { password })).toEqual([]);
    expect(await copyRoles(sink, roles, { password })).toEqual([]);
    expect(roles.find(({ name }) => name === "app")?.settings).toEqual(['search_path="$user", public']);
    await sink.query(
      'alter database shop owner to app; grant create on database shop to app, master, "Odd Role"; grant create on schema public to app, "Odd Role"',
    );
    for (const { name, schema } of await extensions(source))
      await sink.query(`create extension ${name} schema ${schema}`);

    await dumpSchema({
      bindir: bridge.bindir,
      url: bridgeUrl,
      file: join(folder, "schema.dump"),
      deadlineMs: 60_000,
    });
    expect(await load(targetUrl)).toEqual([]);
    const names = async (db: Database) =>
      (await userTables(db)).map(({ schema, name, kind, owner, persistence }) => ({
        schema,
        name,
        kind,
        owner,
        persistence,
      }));
    expect(await names(sink)).toEqual(await names(source));
    await using app = openDatabase(new Secret(target.url("shop", "app", password("app").reveal())), {
      applicationName: "drawbridge-test",
    });
    expect(await app.query("select * from order_totals")).toEqual([]);
  });

  test("a statement that will not load is named with its object", async () => {
    await sink.query("create database trial template template0");
    const trial = new Secret(target.url("trial", "master", password("master").reveal()));
    const errors = await load(trial);
    expect(errors.map(({ object }) => object)).toContain("TABLE kinds app");
    expect(errors.find(({ object }) => object === "TABLE kinds app")?.message).toMatch(/citext/);
    const before = await load(trial, ["post-data"]);
    expect(before.every(({ object }) => !object.startsWith("TABLE "))).toBe(true);
    await sink.query("drop database trial");
  });

  test("rows arrive, and both sides hash alike across versions and client settings", async () => {
    const facts = await userTables(source);
    const plan = planReplicaIdentities(facts);
    expect(plan.map(({ name, to }) => [name, to])).toEqual([
      ["by_unique", { index: "by_unique_n" }],
      ["no_key", "full"],
      ["no_key_json", "full"],
      ["scratch", "full"],
    ]);
    expect(facts.find(({ name }) => name === "no_key_json")?.columnsWithoutEquality).toEqual(["j"]);
    expect(facts.find(({ name }) => name === "kinds")?.columnsWithoutEquality).toEqual(["j", "p", "x"]);
    for (const db of [source, sink]) {
      await setReplicaIdentities(db, plan);
      await ensureMarkerTable(db);
    }
    const published = [...tablesWithRows(facts), markerTable];
    await ensurePublication(source, "forward", published);
    await ensurePublication(source, "forward", published);
    expect((await publishedTables(source, "forward")).length).toBe(published.length);
    await subs.createSubscription(sink, {
      ...subscription("forward", bridgeUrl),
      createSlot: true,
      copyData: true,
      enabled: true,
    });
    await waitFor(
      async () => {
        const status = await subs.subscriptionStatus(sink, "forward");
        return status !== undefined && subs.isCaughtUp(status, await walPosition(source)) ? status : undefined;
      },
      { ...bounds, what: "copy" },
    );
    await source.query(
      `insert into public.orders (amount) values (5); update public.no_key set t = 'z' where n = 1; delete from public.by_unique where n = 2`,
    );
    await commitMarker(source, "test", "f1");
    await waitFor(() => seesMarker(sink, "f1"), { ...bounds, what: "the marker" });

    const tables = tablesWithRows(facts);
    const seen: string[] = [];
    const before = await hashTables(source, tables, { onTable: ({ name }) => void seen.push(name) });
    await using odd = openDatabase(targetUrl, {
      applicationName: "drawbridge-test",
      options:
        "-c extra_float_digits=-3 -c datestyle=german -c timezone=Asia/Tokyo -c intervalstyle=iso_8601 -c bytea_output=escape",
    });
    const after = await hashTables(odd, tables, { concurrency: 3 });
    expect(compareHashes(before, after)).toEqual([]);
    expect(seen.length).toBe(tables.length);
    expect(before.find(({ name }) => name === "orders")?.rows).toBe(51n);
  });

  test("a planted difference is named with its table", async () => {
    const tables = tablesWithRows(await userTables(source));
    const before = await hashTables(source, tables);
    await target.query(
      `update kinds set num = 1.100 where num = 1.10; delete from "Sales Dept"."Weird ""Name"`,
      "shop",
    );
    const differences = compareHashes(before, await hashTables(sink, tables));
    expect(differences).toEqual([
      { schema: "Sales Dept", name: 'Weird "Name', difference: "1 rows here, 0 there" },
      { schema: "public", name: "kinds", difference: "same 3 rows by count, other content" },
    ]);
    await target.query(
      `update kinds set num = 1.10 where num = 1.10; insert into "Sales Dept"."Weird ""Name" values (1, 's', 'r')`,
      "shop",
    );
    expect(compareHashes(before, await hashTables(sink, tables))).toEqual([]);
    const stop = new AbortController();
    const hashing = hashTables(source, tables, { onTable: () => stop.abort(new Error("enough")), signal: stop.signal });
    await expect(hashing).rejects.toThrow("enough");
  });

  test("sequences by value: serial, identity, free, descending and never called", async () => {
    const values = await readSequences(source);
    expect(values.find(({ name }) => name === "free_seq")).toMatchObject({
      lastValue: 107n,
      isCalled: true,
      ownedBy: undefined,
    });
    expect(values.find(({ name }) => name === "orders_id_seq")).toMatchObject({
      lastValue: 51n,
      ownedBy: "public.orders.id",
    });
    expect(compareSequences(values, await readSequences(sink)).length).toBeGreaterThan(2);
    expect(await setSequences(sink, values)).toBe(values.length);
    expect(compareSequences(values, await readSequences(sink))).toEqual([]);
  });

  test("the way back: forward off, reverse slot to now, reverse on; nothing echoes", async () => {
    const tables = [...tablesWithRows(await userTables(sink)), markerTable];
    await ensurePublication(sink, "reverse", tables);
    expect(await createSlot(sink, "reverse")).toBe(await createSlot(sink, "reverse"));
    await source.query("insert into public.no_key values (7, 'forward after the reverse slot was made')");
    await commitMarker(source, "window-2", "w2");
    await waitFor(() => seesMarker(sink, "w2"), { ...bounds, what: "the marker" });
    await subs.disableSubscription(sink, "forward", bounds);
    expect((await subs.subscriptionStatus(sink, "forward"))?.workerPids).toEqual([]);
    await advanceSlot(sink, "reverse");
    await subs.createSubscription(source, subscription("reverse", targetUrl));
    await target.query(
      "set role app; set search_path = public; update no_key set t = 'new world' where n = 7; insert into orders (amount) values (99)",
      "shop",
    );
    await subs.enableSubscription(source, "reverse");
    await commitMarker(sink, "proof", "back");
    await waitFor(() => seesMarker(source, "back"), { ...bounds, what: "the marker's return" });
    expect(await source.query("select t from public.no_key where n = 7")).toEqual([{ t: "new world" }]);
    expect((await subs.subscriptionStatus(source, "reverse"))?.errors).toBe(0);
    const hashed = tablesWithRows(await userTables(source));
    expect(compareHashes(await hashTables(source, hashed), await hashTables(sink, hashed))).toEqual([]);
    expect((await slotStatus(sink, "reverse"))?.active).toBe(true);
  });

  test("all of it can be taken away again, twice", async () => {
    for (const _ of [1, 2]) {
      await subs.dropSubscription(source, "reverse", bounds);
      await subs.dropSubscription(sink, "forward", bounds);
      await dropSlot(sink, "reverse", bounds);
      await dropSlot(source, "forward", bounds);
      await dropPublication(sink, "reverse");
      await dropPublication(source, "forward");
    }
    expect(await dropSyncSlots(source, (await databaseIdentity(source)).systemIdentifier)).toEqual([]);
    expect(await source.query("select slot_name from pg_replication_slots")).toEqual([]);
    expect(await slotStatus(source, "forward")).toBeUndefined();
  });
});
