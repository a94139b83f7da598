import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { listBackups } from "../../src/archive/format/list-backups.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";
import { makeBridge } from "./bridge.ts";
import { archive, expectWhole, restoreAndKill, watched } from "./broken-off.ts";

test("a restore that broke off waits for its sentinel when that cannot be read, and does not begin anew with an older backup", async () => {
  const inner = folderStore(archive);
  const older = "base_000000010000000000000002_00000040";
  let isBroken = true;
  const { store, parts } = watched();
  const [newest] = await listBackups(inner);
  if (!newest) throw new Error("no backup");
  const sentinel = `basebackups_005/${newest.name}_backup_stop_sentinel.json`;
  // the archive's own backup, and its sentinel once more under an older name
  const renamed: ObjectStore = {
    ...store,
    async *list(prefix, options) {
      for await (const object of store.list(prefix, options)) {
        if (object.key === sentinel) yield { ...object, key: sentinel.replace(newest.name, older) };
        yield object;
      }
    },
    get: async (key, options) => {
      const found = await store.get(key.replace(older, newest.name), options);
      if (!found || key !== sentinel || !isBroken) return found;
      found.body.destroy();
      return { ...found, body: Readable.from([Buffer.from("{")]) };
    },
  };
  await using bridge = await makeBridge(renamed);
  const written = await restoreAndKill(bridge, 2);
  bridge.journal.setGoal("standby", {}, 7n);
  bridge.startAgent();
  const state = await bridge.journal.reached("failed");
  expect(state.facts.error).toMatchObject({
    code: "DB_ARCHIVE_INVALID",
    outcome: "paused",
    message: expect.stringMatching(/half of base_.* is restored/),
  });
  expect(parts()).toEqual([]);
  isBroken = false;
  await expectWhole(bridge);
  expect(parts().filter((key) => written.includes(key))).toEqual([]);
});
