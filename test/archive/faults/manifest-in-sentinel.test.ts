import { describe, expect, test } from "vitest";
import { tarOf } from "../../support/archive-maker-tar.ts";
import { compress, type MadeArchive, makeArchive } from "../../support/archive-maker.ts";
import { objectsStore } from "../../support/fault-store.ts";
import { expectRefused, type Outcome, restoreFrom } from "./kit.ts";

/**
 * An archive as WAL-G 1.1 wrote it (seen with the real one): the manifest in a sentinel of version 1, the label in the last part, and a
 * number before it that was given to a part which stayed empty.
 */
function archiveOfWalG1(): MadeArchive & { readonly labelKey: string } {
  const made = makeArchive({
    writer: "wal-g",
    extension: ".lz4",
    sentinel: { Version: undefined, FinishTime: undefined },
  });
  const { objects, name, sentinelKey } = made;
  const take = (key: string): Buffer => {
    const content = objects.get(key);
    if (!content) throw new Error(`there is no ${key}`);
    objects.delete(key);
    return content;
  };
  const folder = `basebackups_005/${name}/tar_partitions/`;
  const labelKey = `${folder}part_005.tar.lz4`;
  objects.set(labelKey, take(`${folder}backup_label.tar.lz4`));
  const { Files, TarFileSets } = JSON.parse(take(`basebackups_005/${name}/files_metadata.json`).toString("utf8"));
  const { "backup_label.tar.lz4": label, "pg_control.tar.lz4": _control, ...others } = TarFileSets;
  // the sentinel's text has an identifier beyond 2^53
  const sentinel = take(sentinelKey).toString("utf8").replace(/}$/, "");
  const sets = JSON.stringify({ ...others, "part_005.tar.lz4": label });
  objects.set(sentinelKey, Buffer.from(`${sentinel},"Files":${JSON.stringify(Files)},"TarFileSets":${sets}}`));
  return { ...made, labelKey };
}

const restored = async ({ objects }: MadeArchive): Promise<Outcome> => restoreFrom(objectsStore(objects));

describe("a manifest in the sentinel, as WAL-G wrote it up to version 1", () => {
  test("restores, though the numbers of its parts have a gap: the manifest has none", async () => {
    const { tree, message } = await restored(archiveOfWalG1());
    expect(message).toBe("");
    expect(tree.get("pgdata/base/1/16384")?.length).toBe(20_000);
    expect(tree.get("pgdata/backup_label")).toMatch(/^START WAL LOCATION/);
  });

  test("refused with a gap and no manifest at all", async () => {
    const made = archiveOfWalG1();
    const text = made.objects.get(made.sentinelKey)?.toString("utf8") ?? "";
    made.objects.set(made.sentinelKey, Buffer.from(text.replace(/,"Files".*$/, "}")));
    expectRefused(await restored(made), "DB_ARCHIVE_INVALID", /part_004\.tar: it is missing/);
  });

  test("a part that the manifest tells of and that is not there: refused", async () => {
    const made = archiveOfWalG1();
    made.objects.delete(made.partKeys[1] ?? "");
    expectRefused(
      await restored(made),
      "DB_ARCHIVE_INVALID",
      /part_002\.tar\.lz4: it is missing, the manifest tells of it/,
    );
  });

  test("a file that the manifest tells of and that is not in its part: refused by name", async () => {
    const made = archiveOfWalG1();
    const members = (made.parts[2] ?? []).filter(({ name }) => name !== "/base/1/16384");
    made.objects.set(made.partKeys[2] ?? "", compress(tarOf(members), ".lz4"));
    expectRefused(await restored(made), "DB_ARCHIVE_INVALID", /part_003\.tar\.lz4: .*lacks base\/1\/16384/);
  });

  test("the part with the label missing: refused", async () => {
    const made = archiveOfWalG1();
    made.objects.delete(made.labelKey);
    expectRefused(await restored(made), "DB_ARCHIVE_INVALID", /part_005\.tar\.lz4: it is missing/);
  });
});
