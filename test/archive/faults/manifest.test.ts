import { describe, expect, test } from "vitest";
import { makeArchive, type MadeArchive } from "../../support/archive-maker.ts";
import { errorPages, faultStore, objectsStore } from "../../support/fault-store.ts";
import { outcomeOf } from "./in-thread.ts";
import { expectRefused, expectRestored, restoreFrom } from "./kit.ts";

const timeout = 120_000;

describe("WAL-G's manifest", { timeout }, () => {
  const walG = (manifest: "present" | "missing" | "switched off") => (): MadeArchive =>
    makeArchive({ writer: "wal-g", extension: ".zst", manifest });
  const key = "files_metadata.json";
  const lie = (change: (text: string) => string): ReturnType<typeof outcomeOf> =>
    outcomeOf(({ archive, store }) => {
      const [name, bytes] = [...archive.objects].find(([one]) => one.endsWith(key)) ?? ["", Buffer.alloc(0)];
      store.spoil(name, { kind: "content", bytes: Buffer.from(change(bytes.toString())) });
    }, walG("present"));

  test.each(["missing", "switched off"] as const)("%s: restored, by size and numbers alone", async (manifest) => {
    const outcome = await outcomeOf(() => undefined, walG(manifest));
    expectRestored(outcome, outcome.pristine);
  });

  test.each([
    ["missing", [/files_metadata\.json: it is missing, so that no list/]],
    ["switched off", [/files_metadata\.json: WAL-G was told to write none/]],
    ["present", []],
  ] as const)("%s: a restore tells what it cannot verify before it fetches a part", async (manifest, words) => {
    const store = faultStore(objectsStore(walG(manifest)().objects));
    const told: string[] = [];
    const onUnverified = (what: string): void => {
      expect(store.asked.filter((one) => one.includes("tar_partitions"))).toEqual([]);
      told.push(what);
    };
    expect((await restoreFrom(store, { onUnverified })).message).toBe("");
    expect(told).toEqual(words.map((word) => expect.stringMatching(word)));
  });

  test.each([
    [
      "a file that is in no part",
      (text: string) => text.replace('"/base/1/1259"', '"/base/1/1259","/base/1/1260"'),
      /manifest/,
    ],
    ["not a file that is there", (text: string) => text.replace('"/base/1/1259"', '"/base/1/1258"'), /manifest/],
    [
      "a part that is not there",
      (text: string) => text.replace('"part_003', '"part_004.tar.zst":["/x"],"part_003'),
      /part_004.*missing/,
    ],
    ["nothing of a part", (text: string) => text.replace("part_002", "part_003"), /part_002.*does not tell/],
    ["half of it", (text: string) => text.slice(0, text.length >> 1), /files_metadata\.json.*whole/],
    ["an error page", () => errorPages.xml.toString(), /files_metadata\.json/],
  ])("that tells of %s: refused", async (_what, change, words) => {
    expectRefused(await lie(change), "DB_ARCHIVE_INVALID", words);
  });

  test.each(["pg_control.tar.zst", "backup_label.tar.zst"])("%s missing: refused", async (name) => {
    const outcome = await outcomeOf(({ store }) => store.spoil(name, { kind: "missing" }), walG("present"));
    expectRefused(outcome, "DB_ARCHIVE_INVALID", /missing/);
  });
});
