import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { watchApply } from "../../src/postgres/apply-errors.ts";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { ensurePublication } from "../../src/postgres/publications.ts";
import { dumpSchema, loadSchema } from "../../src/postgres/schema-dump.ts";
import { missingObjects, schemaObjects } from "../../src/postgres/schema-objects.ts";
import { createSlot, dropSlot } from "../../src/postgres/slots.ts";
import { createSubscription, dropSubscription } from "../../src/postgres/subscriptions.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { nastySchema } from "./nasty-schema.ts";

let cluster: TestCluster;
let newer: TestCluster;
beforeAll(async () => {
  [cluster, newer] = await Promise.all([
    startCluster({ settings: { wal_level: "logical", wal_retrieve_retry_interval: "100ms" } }),
    startCluster({ version: 17 }),
  ]);
});
afterAll(() => Promise.all([cluster[Symbol.asyncDispose](), newer[Symbol.asyncDispose]()]));

const open = (url: Secret): Database => openDatabase(url, { applicationName: "drawbridge-test" });

test("a subscription that fails over and over is told, not waited for; one that works is left alone", async () => {
  const [from, to] = [await cluster.createDatabase(), await cluster.createDatabase()];
  const publisher = new Secret(cluster.url(from));
  await using here = open(publisher);
  await using there = open(new Secret(cluster.url(to)));
  for (const db of [here, there]) await db.query("create table orders (id int primary key, n int)");
  const name = "drift";
  await ensurePublication(here, name, [{ schema: "public", name: "orders" }]);
  await createSlot(here, name);
  const how = { name, publication: name, publisher, createSlot: false, copyData: false, enabled: true };
  await createSubscription(there, how);
  const look = await watchApply(there, name);
  await here.query("insert into orders values (1, 1)");
  const arrived = () => there.query("select id from orders where id = 1").then((rows) => rows.length > 0);
  await waitFor(arrived, { deadlineMs: 10_000, everyMs: 20, what: "the row" });
  await look();
  await there.query("insert into orders values (2, 0)");
  await here.query("insert into orders values (2, 1)");
  const told = waitFor(() => look().then(() => false), { deadlineMs: 30_000, everyMs: 20, what: "the fault" });
  await expect(told).rejects.toMatchObject({ code: "DB_REPLICATION_BROKEN", outcome: "paused" });
  await dropSubscription(there, name, { deadlineMs: 10_000 });
  await dropSlot(here, name, { deadlineMs: 10_000 });
});

test("a schema that was carried from 15 to 17 lacks nothing; what is made afterwards is named", async () => {
  const folder = await mkdtemp("/tmp/drawbridge-drift-");
  const [from, to] = [await cluster.createDatabase(), await newer.createDatabase()];
  for (const of of [cluster, newer]) {
    await of.query(`do $$ begin
      if not exists (select from pg_roles where rolname = 'app') then create role app superuser; create role "Odd Role"; create role reader; end if; end $$`);
  }
  const url = new Secret(cluster.url(from));
  await using here = open(url);
  await using there = open(new Secret(newer.url(to)));
  for (const db of [here, there]) {
    await db.query("create extension citext; create extension hstore; create extension pg_trgm");
  }
  await here.query(nastySchema);
  const file = join(folder, "schema.dump");
  await dumpSchema({ bindir: cluster.bindir, url, file, deadlineMs: 60_000 });
  await loadSchema({ bindir: cluster.bindir, url: new Secret(newer.url(to)), file, sections: [], deadlineMs: 60_000 });
  const wanted = await schemaObjects(here);
  expect(wanted.length).toBeGreaterThan(50);
  expect(missingObjects(wanted, await schemaObjects(there))).toEqual([]);
  await here.query(`create table late (id int primary key, note text not null);
    create unique index late_note on late (note); alter table late add constraint short check (length(note) < 9)`);
  expect(missingObjects(await schemaObjects(here), await schemaObjects(there))).toEqual([
    "check constraint short on public.late",
    "column public.late.id integer not null",
    "column public.late.note text not null",
    "primary key constraint late_pkey on public.late",
    "table public.late",
    "unique index public.late_note on late (note)",
    "unique index public.late_pkey on late (id)",
  ]);
  await rm(folder, { recursive: true, force: true });
});
