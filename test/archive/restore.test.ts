import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listBackups } from "../../src/archive/format/list-backups.ts";
import { restoreBaseBackup, type Restored } from "../../src/archive/restore/restore.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { archiveFolder, findArchive } from "../support/archives.ts";

const parts = "basebackups_005/base_000000010000000000000003_00000040/tar_partitions";
const sentinel = "basebackups_005/base_000000010000000000000003_00000040_backup_stop_sentinel.json";

/** Restores a copy of a real archive after something was done to it. */
async function restoreAfter(name: string, spoil: (archive: string, home: string) => Promise<void>): Promise<Restored> {
  const home = await mkdtemp("/tmp/drawbridge-restore-");
  try {
    const archive = join(home, "archive");
    await cp(join(archiveFolder(name), "prefix/basebackups_005"), join(archive, "basebackups_005"), {
      recursive: true,
    });
    await spoil(archive, home);
    const store = folderStore(archive);
    const backup = (await listBackups(store)).at(-1);
    if (!backup) throw new Error("no backup");
    const restored = await restoreBaseBackup({
      store,
      backup,
      into: join(home, "pgdata"),
      tablespacesDir: join(home, "ts"),
    });
    expect(await readdir(join(home, "pgdata/global"))).toContain("pg_control");
    return restored;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const untouched = (): Promise<void> => Promise.resolve();

describe("base backups of the real tools", () => {
  const known: [string, number, number][] = [
    ["wal-e-15-heroku", 15, 35_810_451],
    ["wal-e-14", 14, 39_862_100],
    ["wal-g-17-brotli", 17, 35_495_776],
  ];
  test.each(known.filter(([name]) => findArchive(name) !== undefined))(
    "%s unpacks to exactly what its sentinel announces",
    async (name, pgMajor, fileBytes) => {
      expect(await restoreAfter(name, untouched)).toMatchObject({ pgMajor, fileBytes, tablespaceOids: ["16386"] });
    },
  );

  test.skipIf(findArchive("wal-g-15-delta") === undefined)(
    "wal-g-15-delta: the delta is refused and names the full one",
    async () => {
      await expect(restoreAfter("wal-g-15-delta", untouched)).rejects.toThrow(/delta on base_000000010000000000000003/);
    },
  );
});

describe("a damaged base backup is refused by name", () => {
  const part = (number: number): string => join(parts, `part_0000000${number}.tar.lzo`);
  test.each<[string, (archive: string, home: string) => Promise<void>, RegExp]>([
    ["a part missing in the middle", (archive) => rm(join(archive, part(2))), /part_00000002\.tar is missing/],
    ["the last part missing", (archive) => rm(join(archive, part(4))), /bytes of 35810451 announced/],
    ["a part that was cut", (archive) => truncate(join(archive, part(1)), 200_000), /part_00000001/],
    ["an error page instead of a part", (archive) => writeFile(join(archive, part(3)), "<Error/>"), /part_00000003/],
    [
      "no label anywhere",
      (archive) => editSentinel(archive, (text) => text.replace("backup_label", "gone")),
      /backup_label/,
    ],
    [
      "a label of another backup",
      (archive) => editSentinel(archive, (text) => text.replace("0/3000028", "0/3000060")),
      /another backup/,
    ],
    [
      "a directory that is in use",
      (_archive, home) => mkdir(join(home, "pgdata/x"), { recursive: true }).then(() => undefined),
      /not empty/,
    ],
  ])("%s", async (_what, spoil, message) => {
    await expect(restoreAfter("wal-e-15-heroku", spoil)).rejects.toThrow(message);
  });
});

async function editSentinel(archive: string, edit: (text: string) => string): Promise<void> {
  const path = join(archive, sentinel);
  await writeFile(path, edit(await readFile(path, "utf8")));
}
