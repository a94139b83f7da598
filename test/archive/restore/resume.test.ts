import { type ChildProcess, fork } from "node:child_process";
import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { restoreBaseBackup, type RestoreOptions } from "../../../src/archive/restore/restore.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";
import { waitFor } from "../../../src/clock.ts";
import { DrawbridgeError } from "../../../src/errors.ts";
import { archiveFolder } from "../../support/archives.ts";
import { inMemoryDir, treeOf } from "./kit.ts";

const archive = join(archiveFolder("wal-e-15-heroku"), "prefix");

/** A store that says of which keys bytes were asked for, and may fail first. */
function watched(fail: (key: string, times: number) => void = () => undefined): {
  store: ObjectStore;
  asked: string[];
} {
  const inner = folderStore(archive);
  const asked: string[] = [];
  const get: ObjectStore["get"] = (key, options) => {
    asked.push(key);
    fail(key, asked.filter((one) => one === key).length);
    return inner.get(key, options);
  };
  return { store: { ...inner, get }, asked };
}

function optionsIn(home: string, store: ObjectStore, backup: RestoreOptions["backup"]): RestoreOptions {
  return { store, backup, into: join(home, "pgdata"), tablespacesDir: join(home, "ts"), concurrency: 1 };
}

async function newest(store: ObjectStore): Promise<RestoreOptions["backup"]> {
  const backup = (await listBackups(store)).at(-1);
  if (!backup) throw new Error("no backup");
  return backup;
}

/** What a restore that nothing disturbed leaves behind. */
async function expectedTree(): Promise<string[]> {
  return inMemoryDir(async (home) => {
    const store = folderStore(archive);
    await restoreBaseBackup(optionsIn(home, store, await newest(store)));
    return treeOf(home);
  });
}

/** Parts that the journal calls written. */
async function writtenIn(home: string): Promise<string[]> {
  const text = await readFile(join(home, "pgdata.restore-journal"), "utf8").catch(() => "");
  const lines = text.split("\n").slice(0, -1);
  return lines.flatMap((line) => /"type":"written".*?"key":"([^"]+)"/.exec(line)?.[1] ?? []);
}

/** A restore in a process of its own, whose parts after the first `parts` never come; killed when those are written. */
async function restoreAndKill(home: string, parts: number): Promise<void> {
  const script = join(import.meta.dirname, "restore-main.ts");
  const child = fork(script, [archive, home, String(parts)], { execArgv: [], stdio: "inherit" });
  try {
    await waitFor(async () => (await writtenIn(home)).length >= parts, {
      deadlineMs: 15_000,
      what: "parts",
      everyMs: 5,
    });
  } finally {
    await ended(child);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await closed;
}

/** The archive refuses our keys from the part after the first `parts` on. */
async function restoreWithoutKeys(home: string, parts: number): Promise<void> {
  const begun = new Set<string>();
  const { store } = watched((key) => {
    if (key.includes("tar_partitions")) begun.add(key);
    if (begun.size > parts) throw new DrawbridgeError("DB_ARCHIVE_ACCESS", "expired");
  });
  const restore = restoreBaseBackup(optionsIn(home, store, await newest(store)));
  await expect(restore).rejects.toMatchObject({ code: "DB_ARCHIVE_ACCESS", outcome: "paused" });
}

test("a second restore into the directory is refused while the first is alive, though it could go on with it", async () => {
  await inMemoryDir(async (home) => {
    const script = join(import.meta.dirname, "restore-main.ts");
    const first = fork(script, [archive, home, "2"], { execArgv: [], stdio: "inherit" });
    const { store, asked } = watched();
    const backup = await newest(store);
    try {
      await waitFor(async () => (await writtenIn(home)).length >= 2, { deadlineMs: 15_000, what: "parts", everyMs: 5 });
      const second = restoreBaseBackup(optionsIn(home, store, backup));
      const words = new RegExp(`another restore \\(process ${first.pid}\\) is at work in ${join(home, "pgdata")}`);
      await expect(second).rejects.toThrow(words);
      expect(asked.filter((key) => key.includes("tar_partitions"))).toEqual([]);
    } finally {
      await ended(first);
    }
    await restoreBaseBackup(optionsIn(home, store, backup));
    expect(await treeOf(home)).toEqual(await expectedTree());
  });
});

describe("a restore that was killed goes on", () => {
  test.each([1, 2, 4])("after %i parts: those are not fetched again, and the result is the same", async (count) => {
    const expected = await expectedTree();
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, count);
      const written = await writtenIn(home);
      const { store, asked } = watched();
      await restoreBaseBackup(optionsIn(home, store, await newest(store)));
      const parts = asked.filter((key) => key.includes("tar_partitions"));
      expect(parts.filter((key) => written.includes(key))).toEqual([]);
      expect(new Set(parts).size).toBe(5 - written.length);
      expect(await treeOf(home)).toEqual(expected);
    });
  });

  test("after a power loss only parts count that were synced before it", async () => {
    const expected = await expectedTree();
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, 3);
      const path = join(home, "pgdata.restore-journal");
      const [first = ""] = await writtenIn(home);
      const text = await readFile(path, "utf8");
      const otherBoot = text.replaceAll(/"boot":"[^"]+"/g, '"boot":"another"');
      await writeFile(path, `${otherBoot}{"type":"synced","keys":["${first}"]}\n`);
      const { store, asked } = watched();
      await restoreBaseBackup(optionsIn(home, store, await newest(store)));
      expect(new Set(asked.filter((key) => key.includes("tar_partitions"))).size).toBe(4);
      expect(asked).not.toContain(first);
      expect(await treeOf(home)).toEqual(expected);
    });
  });

  test("a torn last line of the journal is passed over", async () => {
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, 2);
      await appendFile(join(home, "pgdata.restore-journal"), '{"type":"written","boot":"x","fac');
      const { store, asked } = watched();
      await restoreBaseBackup(optionsIn(home, store, await newest(store)));
      expect(new Set(asked.filter((key) => key.includes("tar_partitions"))).size).toBeLessThanOrEqual(3);
    });
  });

  test("between the control file's name and the journal's end: it is checked once more and finished", async () => {
    const expected = await expectedTree();
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, 4);
      const controlFile = join(home, "pgdata/global/pg_control");
      await rename(`${controlFile}.restoring`, controlFile);
      const { store } = watched();
      await restoreBaseBackup(optionsIn(home, store, await newest(store)));
      expect(await treeOf(home)).toEqual(expected);
    });
  });
});

describe("a restore that broke off is refused", () => {
  test("with another backup, naming the one it was begun with", async () => {
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, 1);
      const { store } = watched();
      const other = { ...(await newest(store)), completedAt: new Date(0) };
      await expect(restoreBaseBackup(optionsIn(home, store, other))).rejects.toMatchObject({
        code: "DB_BAD_INPUT",
        message: expect.stringMatching(/begun with the backup base_000000010000000000000003_00000040/),
      });
    });
  });

  test("when a part has changed in the archive since, naming the part", async () => {
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, 1);
      const { store } = watched();
      const list: ObjectStore["list"] = async function* (prefix, options) {
        for await (const info of store.list(prefix, options))
          yield info.key.includes("part_00000002") ? { ...info, etag: "new" } : info;
      };
      const restore = restoreBaseBackup(optionsIn(home, { ...store, list }, await newest(store)));
      await expect(restore).rejects.toThrow(/part_00000002\.tar\.lzo changed in the archive/);
    });
  });

  test("when the journal is gone", async () => {
    await inMemoryDir(async (home) => {
      await restoreAndKill(home, 1);
      await rename(join(home, "pgdata.restore-journal"), join(home, "elsewhere"));
      const { store } = watched();
      await expect(restoreBaseBackup(optionsIn(home, store, await newest(store)))).rejects.toThrow(/not empty/);
    });
  });
});

describe("while parts are fetched", () => {
  test("expired keys pause the restore, and with new ones it goes on where it was", async () => {
    const expected = await expectedTree();
    await inMemoryDir(async (home) => {
      await restoreWithoutKeys(home, 3);
      const written = await writtenIn(home);
      const { store, asked } = watched();
      await restoreBaseBackup(optionsIn(home, store, await newest(store)));
      expect(asked.filter((key) => written.includes(key))).toEqual([]);
      expect(await treeOf(home)).toEqual(expected);
    });
  });

  test("a range that fails is fetched again, the others only once", async () => {
    await inMemoryDir(async (home) => {
      const { store, asked } = watched((key, times) => {
        if (key.includes("part_00000001") && times <= 2) throw new DrawbridgeError("DB_CONNECTION", "reset");
      });
      await restoreBaseBackup(optionsIn(home, store, await newest(store)));
      const counts = [0, 1, 2, 3, 4].map((part) => asked.filter((key) => key.includes(`part_0000000${part}`)).length);
      expect(counts).toEqual([1, 3, 1, 1, 1]);
    });
  });

  test("an object replaced in between is refused by name", async () => {
    await inMemoryDir(async (home) => {
      const { store } = watched();
      const get: ObjectStore["get"] = async (key, options) => {
        const found = await store.get(key, options);
        if (!found || !key.includes("part_00000003")) return found;
        return { ...found, info: { ...found.info, etag: "another" } };
      };
      const restore = restoreBaseBackup(optionsIn(home, { ...store, get }, await newest(store)));
      await expect(restore).rejects.toMatchObject({
        code: "DB_ARCHIVE_INVALID",
        message: expect.stringMatching(/part_00000003\.tar\.lzo has changed/),
      });
    });
  });
});
