import { existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ExtractionTarget } from "../../../src/archive/restore/extract.ts";
import { finishFiles } from "../../../src/archive/restore/finish-restore.ts";
import type { Judgement } from "../../../src/archive/restore/judge-backup.ts";
import { tarEnd } from "../../../src/archive/tar/tar-writer.ts";
import { member, special, targetIn, unpack } from "../tar/kit.ts";
import { inMemoryDir } from "./kit.ts";

const judged: Judgement = {
  problems: [],
  control: undefined,
  pgMajor: 15,
  label: "label",
  tablespaceMap: "",
  fileBytes: 0,
  wantedFiles: [],
};

async function finish(target: ExtractionTarget, members: readonly Buffer[]): Promise<void> {
  const part = unpack(Buffer.concat([...members, tarEnd()]), target);
  await finishFiles({ target, parts: [part], judged, tablespaceOids: [], backupName: "base_1" });
}

describe("a hard link of the archive", () => {
  test("becomes one file with its target", async () => {
    await inMemoryDir(async (dir) => {
      const target = await targetIn(dir);
      await finish(target, [special("base/1/2", "1", "base/1/1"), member("base/1/1", "rows")]);
      expect(await readFile(join(target.into, "base/1/2"), "utf8")).toBe("rows");
    });
  });

  test.each([
    ["to what is in no part", [special("base/1/2", "1", "base/1/1")], /base\/1\/1 is in no part/],
    ["to a directory", [member("base/1/", "", "directory"), special("x", "1", "base/1")], /base\/1 is a directory/],
    ["in the place of a directory", [member("a"), member("b/c"), special("b", "1", "a")], /\bb cannot be made.*EISDIR/],
    ["below a file", [member("a"), member("b"), special("b/c", "1", "a")], /b\/c cannot be made.*E(EXIST|NOTDIR)/],
  ])("%s is damage of the archive", async (_what, members, message) => {
    await inMemoryDir(async (dir) => {
      await expect(finish(await targetIn(dir), members)).rejects.toMatchObject({
        code: "DB_ARCHIVE_INVALID",
        message: expect.stringMatching(message),
      });
    });
  });

  const isOneDisk = !existsSync("/dev/shm") || statSync("/tmp").dev === statSync("/dev/shm").dev;
  test.skipIf(isOneDisk)("that this machine cannot make is no damage of the archive", async () => {
    const elsewhere = await mkdtemp("/tmp/drawbridge-links-");
    try {
      await inMemoryDir(async (dir) => {
        const target = { ...(await targetIn(dir)), tablespacesDir: elsewhere };
        // from one file system to another
        const members = [special("base/1/2", "1", "pg_tblspc/16386/1"), member("pg_tblspc/16386/1", "rows")];
        await expect(finish(target, members)).rejects.toMatchObject({
          code: "DB_UNEXPECTED",
          message: expect.stringMatching(/part_7: the hard link base\/1\/2 cannot be made: EXDEV/),
        });
      });
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });
});
