import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listBackups } from "../../src/archive/format/list-backups.ts";
import { checkBaseBackup, type CheckedBackup } from "../../src/archive/restore/check-backup.ts";
import { restoreBaseBackup, type RestoreProgress } from "../../src/archive/restore/restore.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { archiveFolder, findArchive } from "../support/archives.ts";
import { inMemoryDir } from "./restore/kit.ts";

const name = "base_000000010000000000000003_00000040";
const parts = `basebackups_005/${name}/tar_partitions`;
const sentinel = `basebackups_005/${name}_backup_stop_sentinel.json`;

interface Place {
  readonly archive: string;
  readonly home: string;
}

/** A copy of a real archive after something was done to it, and a restore or check of its newest backup. */
async function after<T>(
  archiveName: string,
  spoil: (place: Place) => Promise<unknown>,
  work: (options: Parameters<typeof restoreBaseBackup>[0]) => Promise<T>,
): Promise<T> {
  return inMemoryDir(async (home) => {
    const archive = join(home, "archive");
    await cp(join(archiveFolder(archiveName), "prefix"), archive, { recursive: true });
    await spoil({ archive, home });
    const store = folderStore(archive);
    const backup = (await listBackups(store)).at(-1);
    if (!backup) throw new Error("no backup");
    return work({ store, backup, into: join(home, "pgdata"), tablespacesDir: join(home, "ts") });
  });
}

const untouched = (): Promise<void> => Promise.resolve();

describe("base backups of the real tools", () => {
  const known: [string, number, number][] = [
    ["wal-e-15-heroku", 15, 35_810_451],
    ["wal-e-14", 14, 39_862_100],
    ["wal-g-15-lz4", 15, 35_748_736],
    ["wal-g-15-zstd", 15, 35_748_736],
    ["wal-g-17-brotli", 17, 35_495_776],
  ];
  const here = known.filter(([archive]) => findArchive(archive) !== undefined);
  test.each(here)("%s unpacks to exactly what its sentinel announces", async (archive, pgMajor, fileBytes) => {
    const progress: RestoreProgress[] = [];
    await after(archive, untouched, async (options) => {
      const restored = await restoreBaseBackup({ ...options, onProgress: (one) => progress.push(one) });
      expect(restored).toMatchObject({ pgMajor, fileBytes, tablespaceOids: ["16386"] });
      expect(await readdir(join(options.into, "global"))).toContain("pg_control");
      expect(await readdir(options.into)).not.toContain("drawbridge.restoring");
      // the journal and all marks are gone: only the two directories are left
      expect((await readdir(join(options.into, ".."))).toSorted()).toEqual(["archive", "pgdata", "ts"]);
    });
    const last = progress.at(-1);
    expect(last?.fetchedBytes).toBe(last?.fetchTotalBytes);
    expect(last).toMatchObject({ phase: "sync", bytesDone: fileBytes, partsDone: last?.partsTotal });
    expect(new Set(progress.map(({ phase }) => phase))).toEqual(new Set(["base", "finishing", "sync"]));
  });

  test.each(here)("%s: a check finds nothing wrong and writes nothing", async (archive, pgMajor, fileBytes) => {
    await after(archive, untouched, async ({ store, backup, into }) => {
      expect(await checkBaseBackup({ store, backup })).toMatchObject({ problems: [], pgMajor, fileBytes });
      expect(await readdir(join(into, ".."))).toEqual(["archive"]);
    });
  });

  test.skipIf(findArchive("wal-g-15-delta") === undefined)(
    "wal-g-15-delta: the delta is refused and names the full one, which restores",
    async () => {
      await expect(after("wal-g-15-delta", untouched, restoreBaseBackup)).rejects.toMatchObject({
        code: "DB_ARCHIVE_INVALID",
        message: expect.stringContaining("restore the full backup base_000000010000000000000003 instead"),
      });
      await after("wal-g-15-delta", untouched, async (options) => {
        const [full] = await listBackups(options.store);
        if (!full) throw new Error("no backup");
        expect(await restoreBaseBackup({ ...options, backup: full })).toMatchObject({ pgMajor: 15 });
      });
    },
  );
});

describe("a damaged base backup is refused by name", () => {
  const part = (number: number): string => join(parts, `part_0000000${number}.tar.lzo`);
  const wal = (archive: string): string => join(archive, "wal_005/000000010000000000000003.lzo");
  const cases: [string, (place: Place) => Promise<unknown>, RegExp][] = [
    ["a part missing in the middle", ({ archive }) => rm(join(archive, part(2))), /part_00000002\.tar: it is missing/],
    ["the last part missing", ({ archive }) => rm(join(archive, part(4))), /bytes of 35810451 announced/],
    [
      "a part that is there twice under two numbers",
      ({ archive }) => cp(join(archive, part(3)), join(archive, part(5))),
      /comes twice|there twice/,
    ],
    ["a part that was cut", ({ archive }) => truncate(join(archive, part(1)), 200_000), /part_00000001/],
    ["an empty part", ({ archive }) => truncate(join(archive, part(1)), 0), /part_00000001/],
    [
      "an error page instead of a part",
      ({ archive }) => writeFile(join(archive, part(3)), "<Error/>"),
      /part_00000003/,
    ],
    ["WAL missing that it needs", ({ archive }) => rm(wal(archive)), /000000010000000000000003/],
    [
      "no label anywhere",
      ({ archive }) => editSentinel(archive, (text) => text.replace("backup_label", "gone")),
      /backup_label is neither/,
    ],
    [
      "a label of another backup",
      ({ archive }) => editSentinel(archive, (text) => text.replace("0/3000028", "0/3000060")),
      /another backup/,
    ],
    [
      "another cluster than the sentinel says",
      ({ archive }) => editSentinel(archive, (text) => text.replace("{", '{"system_identifier": 77,')),
      /its sentinel says 77/,
    ],
  ];
  test.each(cases)("%s", async (_what, spoil, message) => {
    await after("wal-e-15-heroku", spoil, async (options) => {
      await expect(restoreBaseBackup(options)).rejects.toMatchObject({
        code: "DB_ARCHIVE_INVALID",
        message: expect.stringMatching(message),
      });
      expect(await readdir(join(options.into, "global")).catch(() => [])).not.toContain("pg_control");
    });
  });

  test.each(cases)("%s: a check says so as well", async (_what, spoil, message) => {
    const checked = await after("wal-e-15-heroku", spoil, checkBaseBackup);
    expect(told(checked).join("\n")).toMatch(/comes twice/.test(message.source) ? /there twice/ : message);
  });

  test("a check goes on after the first thing that is wrong and names everything", async () => {
    const spoil = async ({ archive }: Place): Promise<void> => {
      await rm(join(archive, part(2)));
      await truncate(join(archive, part(1)), 200_000);
      await writeFile(join(archive, part(3)), "<Error/>");
      await rm(wal(archive));
    };
    const objects = (await after("wal-e-15-heroku", spoil, checkBaseBackup)).problems.map(({ object }) => object);
    for (const number of [1, 2, 3]) expect(objects.join()).toContain(`part_0000000${number}.tar`);
    expect(objects).toContain(name);
  });

  test("the source's cluster is another one", async () => {
    const restore = after("wal-e-15-heroku", untouched, (options) =>
      restoreBaseBackup({ ...options, systemIdentifier: 5n }),
    );
    await expect(restore).rejects.toThrow(/of cluster 7710946750875798065, the source is 5/);
  });

  test("a directory that is in use is left as it is", async () => {
    const spoil = ({ home }: Place): Promise<unknown> => mkdir(join(home, "pgdata/x"), { recursive: true });
    await after("wal-e-15-heroku", spoil, async (options) => {
      await expect(restoreBaseBackup(options)).rejects.toMatchObject({ code: "DB_BAD_INPUT" });
      expect(await readdir(options.into)).toEqual(["x"]);
    });
  });
});

describe.skipIf(findArchive("wal-g-15-lz4") === undefined)("WAL-G's manifest", () => {
  const folder = "basebackups_005/base_000000010000000000000003";
  const spoilt = (edit: (text: string) => string) => async (place: Place) => {
    const path = join(place.archive, folder, "files_metadata.json");
    await writeFile(path, edit(await readFile(path, "utf8")));
  };
  test.each<[string, (place: Place) => Promise<unknown>, RegExp]>([
    [
      "a file that is in no part is named",
      spoilt((text) => text.replace('"/base/5/3603",', '"/base/5/3603","/base/5/9",')),
      /part_005\.tar\.lz4: .*lacks base\/5\/9$/,
    ],
    [
      "a file that it does not know is named",
      spoilt((text) => text.replace('"/base/5/3603",', "")),
      /part_005.*has besides base\/5\/3603$/,
    ],
    [
      "its last part missing is seen before a byte is fetched",
      ({ archive }) => rm(join(archive, folder, "tar_partitions/part_005.tar.lz4")),
      /part_005\.tar\.lz4: it is missing/,
    ],
    ["one that is cut is refused", spoilt((text) => text.slice(0, -2_000)), /files_metadata\.json: it/],
  ])("%s", async (_what, spoil, message) => {
    await expect(after("wal-g-15-lz4", spoil, restoreBaseBackup)).rejects.toThrow(message);
    expect(told(await after("wal-g-15-lz4", spoil, checkBaseBackup)).join("\n")).toMatch(message);
  });
});

function told({ problems }: CheckedBackup): string[] {
  return problems.map(({ object, reason }) => `${object}: ${reason}`);
}

async function editSentinel(archive: string, edit: (text: string) => string): Promise<void> {
  const path = join(archive, sentinel);
  await writeFile(path, edit(await readFile(path, "utf8")));
}
