import { afterAll, beforeAll, expect, test } from "vitest";
import { availableExtensions } from "../../src/postgres/catalog.ts";
import { openDatabase } from "../../src/postgres/connect.ts";
import { sourceFacts } from "../../src/postgres/preflight-facts.ts";
import { readPreflightFacts } from "../../src/postgres/preflight.ts";
import { openSession } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { nastyRows, nastySchema } from "./nasty-schema.ts";

let cluster: TestCluster;
let database: string;
beforeAll(async () => {
  cluster = await startCluster({ settings: { max_prepared_transactions: 5, max_connections: 40 } });
  await cluster.query("create role app login; grant pg_monitor to app; create role reader");
  database = await cluster.createDatabase({ owner: "app" });
  await cluster.query("create extension citext; create extension hstore; create extension pg_trgm", database);
  await cluster.query(
    `set role app; ${nastySchema}; ${nastyRows}; select lo_create(0); create schema "heroku_ext"; create table heroku_ext.theirs (n int)`,
    database,
  );
});
afterAll(() => cluster[Symbol.asyncDispose]());

test("an owner reads every fact that preflight judges by", async () => {
  const url = new Secret(cluster.url(database, "app"));
  await using lazy = await openSession(url, { applicationName: "psql" });
  await lazy.query("begin");
  await lazy.query("select 1");
  await cluster.query("begin; create table in_doubt (n int); prepare transaction 'two-phase'", database);
  await using db = openDatabase(url, { applicationName: "drawbridge-test" });
  const facts = await readPreflightFacts(db, 0);
  await cluster.query("rollback prepared 'two-phase'", database);

  expect(facts.identity).toMatchObject({
    version: cluster.version,
    timeline: 1,
    inRecovery: false,
    user: "app",
    isSuperuser: false,
  });
  expect(facts.limits).toMatchObject({ max_connections: 40, max_prepared_transactions: 5 });
  expect(facts.settings["wal_level"]).toBe("replica");
  const table = (name: string) => facts.tables.find((one) => one.name === name);
  expect(facts.tables.map(({ name }) => name)).not.toContain("theirs");
  expect(table("orders")).toMatchObject({
    kind: "table",
    hasPrimaryKey: true,
    identityUsable: true,
    owner: "app",
    lockable: true,
  });
  expect(table("no_key")).toMatchObject({ hasPrimaryKey: false, identityUsable: false, columnsWithoutEquality: [] });
  expect(table("by_unique")).toMatchObject({ identityUsable: false, usableUniqueIndex: "by_unique_n" });
  expect(table("scratch")?.persistence).toBe("unlogged");
  expect(table("parts")?.kind).toBe("partitioned");
  expect(table("parts_2025")?.kind).toBe("partition");
  expect(facts.largeObjects).toBe(1);
  expect(facts.special.materializedViews).toEqual([{ schema: "public", name: "mood_counts" }]);
  expect(facts.extensions.map(({ name }) => name)).toEqual(["citext", "hstore", "pg_trgm"]);
  expect(facts.types).toContainEqual({ name: "public.mood", kind: "enum", definition: "'sad', 'ok', 'happy'" });
  expect(facts.types).toContainEqual({
    name: "public.positive",
    kind: "domain",
    definition: "integer CHECK ((VALUE > 0))",
  });
  expect(facts.types.map(({ kind }) => kind)).toEqual(["enum", "composite", "domain"]);
  expect(facts.collations).toMatchObject({ encoding: "UTF8", provider: "libc", outdated: [] });
  expect(facts.prepared.map(({ gid }) => gid)).toEqual(["two-phase"]);
  expect(facts.oldTransactions).toMatchObject([{ user: "app", applicationName: "psql", state: "idle in transaction" }]);
  expect(await availableExtensions(db)).toContainEqual(expect.objectContaining({ name: "citext", trusted: true }));
});

test("a range type of one's own is no superuser's work, though its constructors are internal functions", async () => {
  const own = await cluster.createDatabase({ owner: "app" });
  await cluster.query("set role app; create type floatrange as range (subtype = float8)", own);
  await cluster.query("create type shell; create function raw(int) returns int language internal as 'int4abs'", own);
  await using db = openDatabase(new Secret(cluster.url(own, "app")), { applicationName: "drawbridge-test" });
  expect((await sourceFacts(db)).superuserObjects).toEqual(["function public.raw (internal)"]);
});
