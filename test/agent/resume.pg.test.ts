import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { freePort, instancePaths, prepareInstance, writeRecord } from "../../src/agent/instance.ts";
import { listBackups } from "../../src/archive/format/list-backups.ts";
import { restoreBaseBackup } from "../../src/archive/restore/restore.ts";
import { findServerUser } from "../../src/archive/server/server-user.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { DrawbridgeError } from "../../src/errors.ts";
import { makeBridge, type TestBridge } from "./bridge.ts";
import { archive, expectWhole, restoreAndKill, watched, writtenIn } from "./broken-off.ts";

test("an agent that was killed goes on: parts that it had written are not fetched again, under whatever goal", async () => {
  const { store, parts } = watched();
  await using bridge = await makeBridge(store);
  const written = await restoreAndKill(bridge, 3);
  // people retried meanwhile
  bridge.journal.setGoal("standby", {}, 7n);
  bridge.startAgent();
  await expectWhole(bridge);
  expect(parts().filter((key) => written.includes(key))).toEqual([]);
  expect(parts().length).toBe(5 - written.length);
});

test("an agent that was killed between a restore's end and its own note of it fetches no part again", async () => {
  const { store, parts } = watched();
  await using bridge = await makeBridge(store);
  const paths = instancePaths(bridge.instanceDir);
  const user = await findServerUser();
  await prepareInstance(paths, user);
  const [backup] = await listBackups(store);
  if (!backup) throw new Error("no backup");
  await restoreBaseBackup({
    store: folderStore(archive),
    backup,
    into: paths.dataDir,
    tablespacesDir: paths.tablespacesDir,
    journalPath: paths.restoreJournal,
    owner: user.owner,
  });
  await writeRecord(paths, {
    migrationId: "m1",
    epoch: "1",
    phase: "restoring",
    port: await freePort("127.0.0.1"),
    backup: backup.name,
    backupCompletedAt: backup.completedAt.toISOString(),
    segmentBytes: 16_777_216,
  });
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  await expectWhole(bridge);
  expect(parts()).toEqual([]);
});

test("a journal that cannot be gone on with costs that restore, nothing else", async () => {
  const { store, parts } = watched();
  await using bridge = await makeBridge(store);
  await restoreAndKill(bridge, 2);
  await rm(join(bridge.instanceDir, "restore.journal"));
  await appendFile(join(bridge.instanceDir, "pgdata/left-over"), "half a file");
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  await expectWhole(bridge);
  expect(parts().length).toBe(5);
  await expect(readFile(join(bridge.instanceDir, "pgdata/left-over"))).rejects.toThrow(/ENOENT/);
});

test("keys that expire in mid-restore pause it; with the renewed ones it goes on where it was", async () => {
  let expired = true;
  const begun = new Set<string>();
  const { store, parts } = watched(async (key) => {
    if (!key.includes("tar_partitions")) return;
    begun.add(key);
    if (expired && begun.size > 2) throw new DrawbridgeError("DB_ARCHIVE_ACCESS", "ExpiredToken");
  });
  await using bridge = await makeBridge(store);
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  const { facts } = await bridge.journal.reached("failed");
  expect(facts.error).toMatchObject({ code: "DB_ARCHIVE_ACCESS", outcome: "paused" });
  await bridge.stopAgent();
  const written = await writtenIn(bridge);
  expect(written.length).toBeGreaterThan(0);
  const before = parts().length;
  begun.clear();
  expired = false;
  const again: string[] = [];
  const get = store.get.bind(store);
  store.get = (key, options) => {
    again.push(key);
    return get(key, options);
  };
  bridge.startAgent();
  await expectWhole(bridge);
  expect(before).toBeGreaterThan(written.length);
  expect(again.filter((key) => written.includes(key))).toEqual([]);
});

/** Lets an agent fail, waits for it to say so, and starts another whose archive is good; what that one asked for. */
async function failThenHeal(
  bridge: TestBridge,
  { heal, asked }: { readonly heal: () => void; readonly asked: () => string[] },
): Promise<{ error: unknown; written: string[]; again: string[] }> {
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  const { facts } = await bridge.journal.reached("failed");
  await bridge.stopAgent();
  const written = await writtenIn(bridge);
  const before = asked().length;
  heal();
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  await expectWhole(bridge);
  return { error: facts.error, written, again: [...new Set(asked().slice(before))] };
}

test.each(["retryable", "terminal"] as const)(
  "an object that the archive does not give (%s) takes nothing back of what was restored before it",
  async (outcome) => {
    let isBad = true;
    const asked: string[] = [];
    const begun = new Set<string>();
    const { store } = watched(async (key) => {
      asked.push(key);
      if (!isBad || !key.includes("tar_partitions")) return;
      begun.add(key);
      const fault = { outcome, retryAfterMs: 1 };
      if (begun.size > 2) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: a proxy's page`, fault);
    });
    await using bridge = await makeBridge(store);
    const { error, written, again } = await failThenHeal(bridge, { heal: () => (isBad = false), asked: () => asked });
    expect(error).toMatchObject({ code: "DB_ARCHIVE_INVALID", outcome });
    expect(written.length).toBeGreaterThan(0);
    expect(again.filter((key) => written.includes(key))).toEqual([]);
  },
);

test("a whole that is wrong although every part of it could be read is unpacked from the beginning", async () => {
  let isBad = true;
  const asked: string[] = [];
  const { store } = watched((key) => Promise.resolve(void asked.push(key)));
  const get = store.get.bind(store);
  store.get = async (key, options) => {
    const found = await get(key, options);
    if (!isBad || !found || !key.endsWith("sentinel.json")) return found;
    const body = Readable.from([Buffer.from((await text(found.body)).replace("backup_label", "gone"))]);
    return { ...found, body };
  };
  await using bridge = await makeBridge(store);
  const { error, written, again } = await failThenHeal(bridge, { heal: () => (isBad = false), asked: () => asked });
  expect(error).toMatchObject({ code: "DB_ARCHIVE_INVALID", outcome: "terminal" });
  expect(written.length).toBe(5);
  expect(again.filter((key) => written.includes(key)).length).toBe(5);
});

test("WAL is fetched while the base backup still downloads", async () => {
  const later = new Set<string>();
  let release = (): void => undefined;
  const walCame = new Promise<void>((resolve) => (release = resolve));
  let waited = 0;
  const { store } = watched(async (key) => {
    if (key.startsWith("wal_005/") && waited > 0) {
      later.add(key);
      if (later.size >= 2) release();
    }
    if (!key.includes("tar_partitions")) return;
    waited += 1;
    await walCame;
  });
  await using bridge = await makeBridge(store);
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  // no part comes before two WAL segments were asked for
  await expectWhole(bridge);
  const restoring = bridge.journal.states.filter(({ state }) => state === "restoring");
  expect(restoring.at(-1)?.facts).toMatchObject({ partsDone: 5, partsTotal: 5 });
  const starting = bridge.journal.states.find(({ state }) => state === "starting");
  expect(starting?.facts.bytesToConsistency).toBeGreaterThan(0);
});
