import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeBaseBackup } from "../../../src/archive/backup/write-backup.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";
import { inTemp } from "../tar/kit.ts";

/** Backs up two files in two parts; `meanwhile` happens to the second one when the first part is stored. */
async function backUp(dir: string, meanwhile: (path: string) => Promise<void>): Promise<string[]> {
  const dataDir = join(dir, "data");
  await mkdir(dataDir);
  for (const name of ["a", "b"]) await writeFile(join(dataDir, name), "rows");
  const inner = folderStore(join(dir, "archive"));
  const stored: string[] = [];
  const put: ObjectStore["put"] = async (key, body, signal) => {
    await inner.put(key, body, signal);
    stored.push(key.slice(key.lastIndexOf("/") + 1));
    if (key.includes("part_00000000")) await meanwhile(join(dataDir, "b"));
  };
  await writeBaseBackup({
    store: { ...inner, put },
    dataDir,
    timeline: 1,
    startLsn: 0x3000028n,
    version: "PostgreSQL 15",
    partitionBytes: 5,
    stop: async () => ({ stopLsn: 0x3000100n, backupLabel: "label", tablespaceMap: "" }),
  });
  return stored;
}

test("a file that was dropped since the scan is left out of the backup, and of the size that a restore counts", async () => {
  await inTemp(async (dir) => {
    const stored = await backUp(dir, (path) => rm(path));
    expect(stored.at(-1)).toMatch(/backup_stop_sentinel\.json$/);
    const sentinel: unknown = JSON.parse(
      await readFile(join(dir, "archive", "basebackups_005", stored.at(-1) ?? ""), "utf8"),
    );
    expect(sentinel).toMatchObject({ expanded_size_bytes: "rows".length });
  });
});

test("a file that is there and cannot be read makes the backup fail: without a sentinel there is none", async () => {
  await inTemp(async (dir) => {
    const unreadable = async (path: string): Promise<void> => {
      await rm(path);
      await symlink(path, path);
    };
    await expect(backUp(dir, unreadable)).rejects.toThrow(/ELOOP/);
  });
});
