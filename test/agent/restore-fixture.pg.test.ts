import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseWalLsn } from "../../src/archive/format/wal-names.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { archiveFolder, findArchive } from "../support/archives.ts";
import { makeBridge } from "./bridge.ts";
import { readExpected, readTables } from "./fixture.ts";

describe("the agent restores archives of the real tools", () => {
  const names = ["wal-e-15-heroku", "wal-g-15-lz4", "wal-g-15-zstd"].filter((name) => findArchive(name) !== undefined);
  test.each(names)("%s: rows equal at the end of its WAL", async (name) => {
    const expected = await readExpected(name);
    await using bridge = await makeBridge(folderStore(join(archiveFolder(name), "prefix")));
    bridge.journal.setGoal("standby", { backup: "LATEST", systemIdentifier: expected.system_identifier });
    bridge.startAgent();
    const state = await bridge.journal.reached(
      "following",
      (one) => parseWalLsn(one.facts.replayLsn ?? "0/0") >= parseWalLsn(expected.last_lsn),
    );
    await using session = await bridge.session(expected.database, state.facts.port ?? 0);
    expect(await readTables(session, expected)).toEqual(expected.tables);
    expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: true }]);
  });
});
