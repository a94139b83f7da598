import { fork } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { noNames, type PartFacts } from "../../../src/archive/restore/part-facts.ts";
import { parseJournal } from "../../../src/archive/restore/restore-journal.ts";
import { restoreBaseBackup } from "../../../src/archive/restore/restore.ts";
import { BackgroundSync, DiskSync } from "../../../src/archive/restore/sync-disk.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { waitFor } from "../../../src/clock.ts";
import { makeArchive } from "../../support/archive-maker.ts";
import { archiveFolder, findArchive } from "../../support/archives.ts";
import { faultStore, objectsStore } from "../../support/fault-store.ts";
import { treeIn } from "../faults/kit.ts";
import { inMemoryDir } from "./kit.ts";

afterEach(() => vi.unstubAllEnvs());

const ioError = "echo \"sync: error syncing '$2': Input/output error\" >&2; exit 1";
const oldBusybox = "echo \"sync: invalid option -- 'f'\" >&2; exit 1";

const archive = join(archiveFolder("wal-e-15-heroku"), "prefix");
const backup = { name: "base_1", completedAt: "2026-11-22T12:00:00Z", startLsn: "1", stopSegment: "1" };
const emptyFacts: Omit<PartFacts, "key"> = {
  members: 0,
  fileBytes: 0,
  tablespaceOids: [],
  laterSegments: [],
  largeFiles: [],
  hardLinks: [],
  leftOut: [],
  required: [],
  names: noNames(),
  kept: {},
};

/** Puts a `sync` of our own before the system's, or leaves the path without any (`none`). */
async function haveSync(dir: string, script: string): Promise<void> {
  const bin = join(dir, "bin");
  await mkdir(bin, { recursive: true });
  if (script !== "none") {
    await writeFile(join(bin, "sync"), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, "sync"), 0o755);
  }
  vi.stubEnv("PATH", script === "none" ? bin : `${bin}:${process.env["PATH"]}`);
}

describe("what the disk does not take", () => {
  test("ends the sync, and says so", async () => {
    await inMemoryDir(async (dir) => {
      await haveSync(dir, ioError);
      using disk = await DiskSync.open([dir], join(dir, "verdict"));
      await expect(disk.sync()).rejects.toMatchObject({
        code: "DB_UNEXPECTED",
        outcome: "paused",
        message: expect.stringMatching(/did not take what was written: .*Input\/output error/),
      });
    });
  });

  test.each([
    ["no program", "none"],
    ["a program that does not know -f", oldBusybox],
  ])("%s: every file is synced by itself", async (_what, script) => {
    await inMemoryDir(async (dir) => {
      await mkdir(join(dir, "data/base"), { recursive: true });
      await writeFile(join(dir, "data/base/1"), "row");
      await haveSync(dir, script);
      using disk = await DiskSync.open([join(dir, "data")], join(dir, "verdict"));
      await disk.sync();
      await rm(join(dir, "data"), { recursive: true });
      await expect(disk.sync()).rejects.toThrow(/ENOENT/);
    });
  });

  test("a shell that was ended while nothing was asked of it is another one's turn: nothing was lost", async () => {
    await inMemoryDir(async (dir) => {
      using disk = await DiskSync.open([dir], join(dir, "verdict"));
      const { pid } = await disk.prepare();
      process.kill(pid, "SIGKILL");
      await waitFor(async () => (await disk.prepare()).pid !== pid, { deadlineMs: 10_000, what: "another shell" });
      await expect(disk.sync()).resolves.toBeUndefined();
    });
  });

  test("a shell that is gone is no sync, and stopping waits for none", async () => {
    await inMemoryDir(async (dir) => {
      await haveSync(dir, 'kill "$PPID"');
      using gone = await DiskSync.open([dir], join(dir, "verdict"));
      await expect(gone.sync()).rejects.toMatchObject({
        outcome: "paused",
        message: expect.stringMatching(/has ended/),
      });
      await haveSync(dir, "exec sleep 5");
      using slow = await DiskSync.open([dir], join(dir, "verdict"));
      await expect(slow.sync(AbortSignal.timeout(50))).rejects.toMatchObject({ name: "TimeoutError" });
    });
  });

  test("in the background: the next part, and the end, fail with it although a later sync would succeed", async () => {
    await inMemoryDir(async (dir) => {
      await haveSync(dir, ioError);
      const told: string[] = [];
      using disk = await DiskSync.open([dir], join(dir, "verdict"));
      const sync = new BackgroundSync({
        disk,
        everyBytes: 1,
        onSyncing: async () => undefined,
        onSynced: async (keys) => void told.push(...keys),
        onLost: async () => void told.push("lost"),
      });
      sync.completed("part_1");
      sync.wrote(1);
      await waitFor(() => told.length > 0, { deadlineMs: 10_000, what: "the failure" });
      vi.unstubAllEnvs();
      expect(() => sync.throwIfLost()).toThrow(/Input\/output error/);
      await expect(sync.finish()).rejects.toThrow(/Input\/output error/);
      expect(told).toEqual(["lost"]);
    });
  });
});

test("a restore whose disk failed fetches again what was not on it, and is whole then", async () => {
  const { objects, partKeys } = makeArchive();
  const store = faultStore(objectsStore(objects));
  await inMemoryDir(async (dir) => {
    const newest = (await listBackups(store)).at(-1);
    if (!newest) throw new Error("no backup");
    const home = join(dir, "home");
    await mkdir(home);
    const options = {
      store,
      backup: newest,
      into: join(home, "pgdata"),
      tablespacesDir: join(home, "ts"),
      concurrency: 1,
    };
    await haveSync(dir, ioError);
    await expect(restoreBaseBackup(options)).rejects.toMatchObject({ code: "DB_UNEXPECTED", outcome: "paused" });
    expect(treeIn(home).has("pgdata/global/pg_control")).toBe(false);
    vi.unstubAllEnvs();
    const before = store.asked.length;
    await restoreBaseBackup(options);
    expect(store.asked.slice(before)).toEqual(expect.arrayContaining([...partKeys]));
  });
});

/** A restore in a process of its own that is killed while it waits for its last sync, which ends with `status` after that. */
async function killInSync(dir: string, home: string, status: number): Promise<void> {
  const [asked, go] = [join(dir, "asked"), join(dir, "go")];
  await haveSync(dir, `: > '${asked}'; while [ ! -e '${go}' ]; do sleep 0.02; done; exit ${status}`);
  const script = join(import.meta.dirname, "restore-main.ts");
  const child = fork(script, [archive, home, "99"], { execArgv: [], stdio: "inherit" });
  const closed = new Promise((resolve) => child.once("close", resolve));
  try {
    await waitFor(() => existsSync(asked), { deadlineMs: 60_000, what: "the sync" });
  } finally {
    child.kill("SIGKILL");
    await closed;
    vi.unstubAllEnvs();
    await writeFile(go, "");
  }
}

describe.skipIf(findArchive("wal-e-15-heroku") === undefined)(
  "a restore that is killed while the disk is asked",
  () => {
    test.each([
      ["goes on with what it has when the disk took it", 0, 0],
      ["fetches all of it again when the disk did not: it says so once only, and that was to the dead one", 1, 5],
    ])("%s", { timeout: 120_000 }, async (_what, status, again) => {
      await inMemoryDir(async (dir) => {
        const home = join(dir, "home");
        await mkdir(home);
        await killInSync(dir, home, status);
        const store = faultStore(folderStore(archive));
        const newest = (await listBackups(store)).at(-1);
        if (!newest) throw new Error("no backup");
        const before = store.asked.length;
        const places = { into: join(home, "pgdata"), tablespacesDir: join(home, "ts") };
        await restoreBaseBackup({ store, backup: newest, ...places, concurrency: 1 });
        const parts = store.asked.slice(before).filter((key) => key.includes("tar_partitions"));
        expect(new Set(parts).size).toBe(again);
        expect(readdirSync(home).toSorted()).toEqual(["pgdata", "ts"]);
      });
    });
  },
);

test("a part that fails while a sync is under way: the journal waits for the sync's verdict", async () => {
  await inMemoryDir(async (dir) => {
    const told: string[] = [];
    await haveSync(dir, `sleep 0.3; ${ioError}`);
    {
      using disk = await DiskSync.open([dir], join(dir, "verdict"));
      await using sync = new BackgroundSync({
        disk,
        everyBytes: 1,
        onSyncing: async () => void told.push("syncing"),
        onSynced: async () => void told.push("synced"),
        onLost: async () => void told.push("lost"),
      });
      sync.wrote(1);
    }
    expect(told).toEqual(["syncing", "lost"]);
  });
});

test("a journal after a failure of the disk counts what was synced before it, and what was written after it", () => {
  const facts = (key: string): unknown => ({ type: "written", boot: "b", facts: { ...emptyFacts, key } });
  const lines = [
    { type: "begin", version: 1, id: "i", into: "/i", tablespacesDir: "/t", parts: {}, backup },
    facts("synced"),
    facts("lost"),
    { type: "synced", keys: ["synced"] },
    facts("also lost"),
    { type: "lost" },
    facts("written again"),
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  expect([...(parseJournal(text, "b", "journal")?.done.keys() ?? [])]).toEqual(["synced", "written again"]);
});
