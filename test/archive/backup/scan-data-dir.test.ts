import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scanDataDir } from "../../../src/archive/backup/scan-data-dir.ts";
import { inTemp } from "../tar/kit.ts";

test("what a restore of ours left in the data directory does not go into a backup of it, nor what is of this host or a cache", async () => {
  await inTemp(async (dir) => {
    await mkdir(join(dir, "global"));
    await mkdir(join(dir, "pg_wal"));
    const left = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"];
    const files = [
      ...left.map((name) => `${name}.from-archive`),
      "drawbridge.restoring",
      "global/pg_control.restoring",
      "backup_label",
      "standby.signal",
      "pg_wal/000000010000000000000001",
      "global/pg_internal.init",
      "global/pg_internal.init.4711",
      // not ours: a backup of PostgreSQL has what its directory has
      "global/pg_hba.conf.from-archive",
      "notes.from-archive",
      "PG_VERSION",
    ];
    for (const name of files) await writeFile(join(dir, name), "x");
    const { entries } = await scanDataDir(dir);
    expect(entries.filter(({ kind }) => kind === "file").map(({ name }) => name)).toEqual([
      "PG_VERSION",
      "global/pg_hba.conf.from-archive",
      "notes.from-archive",
    ]);
  });
});
