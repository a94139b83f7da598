import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { walPosition } from "../../src/postgres/catalog.ts";
import { openDatabase, type Database } from "../../src/postgres/connect.ts";
import {
  beat,
  commitMarker,
  dropMarkerSchema,
  ensureMarkerTable,
  heartbeatAge,
  padWal,
  seesMarker,
} from "../../src/postgres/marker.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;
let db: Database;
beforeAll(async () => {
  cluster = await startCluster({
    settings: {
      archive_mode: "on",
      archive_command: "'mkdir -p ../archive && cp %p ../archive/%f'",
      archive_timeout: "60s",
      synchronous_commit: "off",
    },
  });
  await cluster.query("create role app login");
  db = openDatabase(new Secret(cluster.url(await cluster.createDatabase({ owner: "app" }), "app")), {
    applicationName: "drawbridge-test",
  });
});
afterAll(async () => {
  await db.end();
  await cluster[Symbol.asyncDispose]();
});

test("a plain role's marker is archived at once when its segment is padded", async () => {
  await ensureMarkerTable(db);
  await ensureMarkerTable(db);
  for (const nonce of ["one", "two", "three"]) {
    const began = Date.now();
    const marker = await commitMarker(db, "window-1", nonce);
    expect(await walPosition(db)).toBeGreaterThanOrEqual(marker);
    const { segment, paddedTo } = await padWal(db, marker);
    expect(paddedTo).toBeGreaterThan(marker);
    const file = join(cluster.dataDir, "../archive", segment);
    await waitFor(() => existsSync(file), { what: segment, deadlineMs: 10_000, everyMs: 5 });
    // far under archive_timeout, however slow the machine
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(await seesMarker(db, nonce)).toBe(true);
  }
});

test("a heartbeat's age is known on the reading side, and nothing is known without one", async () => {
  await dropMarkerSchema(db);
  expect(await heartbeatAge(db)).toBeUndefined();
  expect(await seesMarker(db, "one")).toBe(false);
  await ensureMarkerTable(db);
  expect(await heartbeatAge(db)).toBeUndefined();
  await beat(db);
  const first = await heartbeatAge(db);
  expect(first).toBeGreaterThanOrEqual(0);
  expect(first).toBeLessThan(10_000);
  await dropMarkerSchema(db);
});
