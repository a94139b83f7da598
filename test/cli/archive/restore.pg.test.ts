import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "pg";
import { describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { type Expected, readExpected, readTables } from "../../agent/fixture.ts";
import { findArchive } from "../../support/archives.ts";
import { embeddedBindir, majorVersion, systemBindir } from "../../support/bindir.ts";
import { serverUser } from "../../support/server-user.ts";
import { openClient, restoreByHand, waitForTrue } from "./hand-restored.ts";
import { copyArchive, makeHome, prefixOf } from "./run-command.ts";

const timeout = 240_000;
const major = majorVersion(systemBindir());
/** Each archive with the options that it needs: of the delta's, the full backup restores. */
const archives = [
  ["wal-e-15-heroku", 15, []],
  ["wal-e-14", 14, []],
  ["wal-g-15-lz4", 15, []],
  ["wal-g-15-zstd", 15, []],
  ["wal-g-17-brotli", 17, []],
  ["wal-g-15-delta", 15, ["--backup", "base_000000010000000000000003"]],
] as const;
const here = archives.filter(
  ([name, version]) => findArchive(name) !== undefined && (version === major || version === 17),
);

async function rowsOf(client: Client, expected: Expected): Promise<Expected["tables"]> {
  return readTables({ query: async (sql: string) => (await client.query(sql)).rows }, expected);
}

describe("archive restore, then pg_ctl start", { timeout }, () => {
  test.each(here)("%s: recovers to the end, opens for writes, rows equal", async (name, version, options) => {
    const expected = await readExpected(name);
    await using home = await makeHome();
    const bindir = version === major ? systemBindir() : await embeddedBindir(home.path, serverUser());
    await using server = await restoreByHand(bindir, [...prefixOf(name), ...options]);
    await server.start();
    await waitForTrue(server, "not pg_is_in_recovery()");
    const client = await server.connect(expected.database);
    try {
      expect(await rowsOf(client, expected)).toEqual(expected.tables);
      await client.query("create table written_after (n int)");
      expect((await client.query("show archive_mode")).rows).toEqual([{ archive_mode: "off" }]);
    } finally {
      await client.end();
    }
    expect(existsSync(join(server.dataDir, "recovery.signal"))).toBe(false);
  });

  test.each(here.slice(0, 1))("%s --standby: replays everything, stays read-only, can be promoted", async (name) => {
    const expected = await readExpected(name);
    await using server = await restoreByHand(systemBindir(), [...prefixOf(name), "--standby"]);
    await server.start();
    await waitForTrue(server, `pg_last_wal_replay_lsn() >= '${expected.last_lsn}'`);
    const client = await server.connect(expected.database);
    try {
      expect(await rowsOf(client, expected)).toEqual(expected.tables);
      expect((await client.query("select pg_is_in_recovery() as standby")).rows).toEqual([{ standby: true }]);
      await client.query("select pg_promote()");
    } finally {
      await client.end();
    }
    await waitForTrue(server, "not pg_is_in_recovery()");
  });

  test.each(here.slice(0, 1))(
    "%s: the socket lets the person in, TCP and other roles want a password",
    async (name) => {
      await using server = await restoreByHand(systemBindir(), prefixOf(name));
      await server.start();
      await waitForTrue(server, "not pg_is_in_recovery()");
      const tcp = { host: "127.0.0.1", port: server.port, database: "postgres", user: "postgres" };
      await expect(openClient(tcp)).rejects.toThrow(/password/i);
      await expect(server.connect("shop", "app")).rejects.toThrow(/password/i);
      for (const [kind, method] of [
        ["scram-sha-256", "scram-sha-256"],
        ["md5", "md5"],
      ]) {
        const boss = await server.connect();
        await boss.query(`set password_encryption = '${kind}'`);
        await boss.query(`create role "with ${method}" login password 'sesame'`);
        await boss.end();
        const url = new URL(`postgres://127.0.0.1:${server.port}/postgres?user=with%20${method}&password=sesame`);
        const client = new (await import("pg")).Client({ connectionString: url.href });
        await client.connect();
        await client.end();
      }
    },
  );

  test.each(here.slice(0, 1))("%s: a hole in the WAL stops the server; it never opens before it", async (name) => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, name);
    await rm(join(folder, "wal_005/000000010000000000000004.lzo"));
    await using server = await restoreByHand(systemBindir(), ["--prefix", `file://${folder}`]);
    await server.start();
    await waitFor(() => !server.isRunning(), { what: "the server to stop", deadlineMs: 90_000 });
    expect(server.log()).toMatch(/FATAL: {2}could not restore file "000000010000000000000004" from archive/);
    expect(server.log()).not.toMatch(/selected new timeline/);
    expect(existsSync(join(server.dataDir, "recovery.signal"))).toBe(true);
  });

  test.each(here.slice(0, 1))("%s: an archive that is away stops the server instead of opening it", async (name) => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, name);
    await using server = await restoreByHand(systemBindir(), ["--prefix", `file://${folder}`]);
    await rm(folder, { recursive: true });
    await server.start();
    await waitFor(() => !server.isRunning(), { what: "the server to stop", deadlineMs: 90_000 });
    expect(server.log()).toMatch(/FATAL: {2}could not restore file/);
    expect(existsSync(join(server.dataDir, "recovery.signal"))).toBe(true);
  });
});
