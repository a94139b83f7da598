import { describe, expect, test } from "vitest";
import { noise } from "../../support/archive-maker-sums.ts";
import { expectRefused, expectRestored, makeFaultWorld, restoreFrom } from "./kit.ts";

const timeout = 180_000;

describe("a restore on its threads, when the way to the archive is bad", { timeout }, () => {
  test.each(["slow down", "reset", "short body"] as const)("%s, twice for each object: restored", async (kind) => {
    const { archive, store, pristine } = await makeFaultWorld();
    for (const key of archive.partKeys) store.disturb(key, { kind }, 2);
    expectRestored(await restoreFrom(store), pristine);
    expect(store.happened.get(kind)).toBe(2 * archive.partKeys.length);
  });

  test.each(["denied", "expired token"] as const)(
    "%s from the middle part on: paused; with fresh keys resumed, and no part is fetched twice",
    async (kind) => {
      const { archive, store, pristine } = await makeFaultWorld();
      const [, middle = ""] = archive.partKeys;
      store.disturb(middle, { kind });
      expectRefused(await restoreFrom(store), "DB_ARCHIVE_ACCESS", /part_00000001/);
      let before = 0;
      const again = (): void => {
        store.heal();
        before = store.asked.length;
      };
      expectRestored(await restoreFrom(store, { again }), pristine);
      const parts = store.asked.slice(before).filter((key) => key.includes("tar_partitions"));
      expect(parts).toContain(middle);
      expect(parts.length).toBeLessThan(archive.partKeys.length);
    },
  );

  test("an object replaced between listing and reading: refused, naming it", async () => {
    const { archive, store } = await makeFaultWorld();
    const [, middle = ""] = archive.partKeys;
    store.disturb(middle, { kind: "replaced", by: noise(5_000, 4) }, 1);
    expectRefused(await restoreFrom(store), "DB_ARCHIVE_INVALID", /part_00000001.*changed since it was listed/);
  });

  test("an answer longer than what was asked for: refused, naming it", async () => {
    const { archive, store } = await makeFaultWorld();
    store.disturb(archive.partKeys[2] ?? "", { kind: "too long" });
    expectRefused(await restoreFrom(store), "DB_ARCHIVE_INVALID", /part_00000002.*more than was asked for/);
  });

  test("a damaged part: refused; with the good one in its place the restore is not gone on with, but told apart", async () => {
    const { archive, store } = await makeFaultWorld();
    const [, middle = ""] = archive.partKeys;
    store.spoil(middle, { kind: "flip", at: 400 });
    const outcome = await restoreFrom(store, { again: () => store.heal() });
    expectRefused(outcome, "DB_BAD_INPUT", /part_00000001\.tar\.lzo changed in the archive/);
  });
});
