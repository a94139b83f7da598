import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { startCluster } from "./cluster.ts";

describe("a throwaway cluster", () => {
  test("runs as an unprivileged user, clones databases and leaves nothing behind", async () => {
    const cluster = await startCluster({ settings: { wal_level: "logical" } });
    const { dataDir } = cluster;
    {
      await using _ = cluster;
      expect(await cluster.query("show wal_level")).toEqual([{ wal_level: "logical" }]);
      const first = await cluster.createDatabase();
      await cluster.query("create table t as select 7 as n", first);
      const second = await cluster.createDatabase({ template: first });
      expect(await cluster.query("select n from t", second)).toEqual([{ n: 7 }]);
      await cluster.stop();
      await cluster.start({ work_mem: "'5MB'" });
      expect(await cluster.query("show work_mem")).toEqual([{ work_mem: "5MB" }]);
    }
    expect(existsSync(dataDir)).toBe(false);
  });

  test("can be the embedded PostgreSQL 17", async () => {
    await using cluster = await startCluster({ version: 17, superuser: "rdsadmin" });
    expect(cluster.version).toBe(17);
    expect(await cluster.query("select current_user as who")).toEqual([{ who: "rdsadmin" }]);
  });

  test("names the server's own words when it does not start", async () => {
    await expect(startCluster({ settings: { no_such_setting: 1 } })).rejects.toThrow(/no_such_setting/);
  });
});
