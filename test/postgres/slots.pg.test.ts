import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { dumpSchema } from "../../src/postgres/schema-dump.ts";
import { openSession } from "../../src/postgres/session.ts";
import { createSlotWithSnapshot, dropSlot, slotStatus } from "../../src/postgres/slots.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let bridge: TestCluster;
let bridgeUrl: Secret;
let source: Database;
let folder: string;
const bounds = { deadlineMs: 20_000 };
beforeAll(async () => {
  folder = await mkdtemp("/tmp/drawbridge-slots-");
  bridge = await startCluster({ settings: { wal_level: "logical" } });
  bridgeUrl = new Secret(bridge.url());
  source = openDatabase(bridgeUrl, { applicationName: "drawbridge-test" });
});
afterAll(async () => {
  await source.end();
  await bridge[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test("a slot's snapshot shows exactly what came before the slot", async () => {
  await source.query("create table public.snap (n int); insert into public.snap values (1)");
  await using slot = await createSlotWithSnapshot(bridgeUrl, "with_snapshot", { applicationName: "drawbridge-test" });
  await source.query("insert into public.snap values (2)");
  await using reader = await openSession(bridgeUrl, { applicationName: "drawbridge-test" });
  await reader.query("begin isolation level repeatable read");
  await reader.query(`set transaction snapshot '${slot.snapshot}'`);
  expect(await reader.query("select n from public.snap")).toEqual([{ n: 1 }]);
  await dumpSchema({
    bindir: bridge.bindir,
    url: bridgeUrl,
    file: join(folder, "snap.dump"),
    snapshot: slot.snapshot,
    deadlineMs: 60_000,
  });
  await reader.close();
  await slot.close();
  expect((await slotStatus(source, "with_snapshot"))?.confirmedFlushLsn).toBe(slot.consistentPoint);
  await dropSlot(source, "with_snapshot", bounds);
});
