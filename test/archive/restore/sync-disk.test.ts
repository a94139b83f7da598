import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { noNames, type PartFacts } from "../../../src/archive/restore/part-facts.ts";
import { parseJournal } from "../../../src/archive/restore/restore-journal.ts";
import { restoreBaseBackup } from "../../../src/archive/restore/restore.ts";
import { BackgroundSync, DiskSync } from "../../../src/archive/restore/sync-disk.ts";
import { waitFor } from "../../../src/clock.ts";
import { makeArchive } from "../../support/archive-maker.ts";
import { faultStore, objectsStore } from "../../support/fault-store.ts";
import { treeIn } from "../faults/kit.ts";
import { inMemoryDir } from "./kit.ts";

afterEach(() => vi.unstubAllEnvs());

const ioError = "echo \"sync: error syncing '$2': Input/output error\" >&2; exit 1";
const oldBusybox = "echo \"sync: invalid option -- 'f'\" >&2; exit 1";

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
      using disk = await DiskSync.open([dir]);
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
      using disk = await DiskSync.open([join(dir, "data")]);
      await disk.sync();
      await rm(join(dir, "data"), { recursive: true });
      await expect(disk.sync()).rejects.toThrow(/ENOENT/);
    });
  });

  test("a shell that is gone is no sync, and stopping waits for none", async () => {
    await inMemoryDir(async (dir) => {
      await haveSync(dir, 'kill "$PPID"');
      using gone = await DiskSync.open([dir]);
      await expect(gone.sync()).rejects.toMatchObject({
        outcome: "paused",
        message: expect.stringMatching(/has ended/),
      });
      await haveSync(dir, "exec sleep 60");
      using slow = await DiskSync.open([dir]);
      await expect(slow.sync(AbortSignal.timeout(50))).rejects.toMatchObject({ name: "TimeoutError" });
    });
  });

  test("in the background: the next part, and the end, fail with it although a later sync would succeed", async () => {
    await inMemoryDir(async (dir) => {
      await haveSync(dir, ioError);
      const told: string[] = [];
      using disk = await DiskSync.open([dir]);
      const sync = new BackgroundSync({
        disk,
        everyBytes: 1,
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
