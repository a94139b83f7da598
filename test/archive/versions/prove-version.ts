import { chownSync, existsSync, mkdirSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { expect } from "vitest";
import { writeBaseBackup } from "../../../src/archive/backup/write-backup.ts";
import { parseWalLsn } from "../../../src/archive/format/wal-names.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { waitFor } from "../../../src/clock.ts";
import { restoreByHand, waitForTrue } from "../../cli/archive/hand-restored.ts";
import { makeHome } from "../../cli/archive/run-command.ts";
import { startCluster, type TestCluster } from "../../support/cluster.ts";
import { pgBinaries } from "../../support/pg-binaries.ts";
import { serverUser } from "../../support/server-user.ts";

const tables = ["public.orders", '"Größe"."naïve ☃"', "in_space", "forgotten"];

/** A directory that belongs to the server's user. */
function makeOwned(path: string): string {
  mkdirSync(path, { recursive: true });
  const { uid, gid } = serverUser();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  return path;
}

/**
 * Makes a cluster of one major version, archives it as WAL-E does (two base backups, WAL, a change of timeline with `.history`
 * and `.partial`), restores it with `archive restore`, lets it recover to the end, and reads all rows again.
 */
export async function proveVersion(major: number): Promise<{ archived: object; restored: object }> {
  await using home = await makeHome();
  const bindir = await pgBinaries(major, home.path);
  const archive = join(home.path, "archive");
  const wal = makeOwned(join(archive, "wal_005"));
  const command = `lzop -c "%p" > "${wal}/%f.tmp" && mv "${wal}/%f.tmp" "${wal}/%f.lzo"`;
  const settings = { archive_mode: "on", archive_command: `'${command}'` };
  let archived: object;
  {
    await using source = await startCluster({ bindir, settings });
    expect(source.version).toBe(major);
    await load(source, makeOwned(join(home.path, "a space")));
    await backUp(source, archive, 1);
    await addRows(source, "between two backups");
    await backUp(source, archive, 1);
    await addRows(source, "behind the last backup");
    await changeTimeline(source);
    await addRows(source, "on the new timeline");
    await shipWal(source, wal);
    archived = await contentOf((sql) => source.query(sql));
  }
  const names = await readdir(wal);
  expect(names).toContain("00000002.history.lzo");
  expect(names.some((name) => name.endsWith(".partial.lzo"))).toBe(true);
  await using restored = await restoreByHand(bindir, ["--prefix", `file://${archive}`]);
  await restored.start();
  await waitForTrue(restored, "not pg_is_in_recovery()");
  const client = await restored.connect();
  try {
    const query = async (sql: string): Promise<unknown[]> => (await client.query(sql)).rows;
    archived = { ...archived, forgotten: [{ rows: "0", hash: null }] };
    expect(await query("select timeline_id > 2 as later from pg_control_checkpoint()")).toEqual([{ later: true }]);
    return { archived, restored: await contentOf(query) };
  } finally {
    await client.end();
  }
}

async function load(source: TestCluster, space: string): Promise<void> {
  await source.query(`create tablespace "fast space" location '${space}'`);
  await source.query(`create table orders (id int primary key, note text)`);
  await source.query(`create schema "Größe"`);
  await source.query(`create table "Größe"."naïve ☃" (id int primary key, "Preis €" text)`);
  await source.query(`create table in_space (id int primary key, note text) tablespace "fast space"`);
  await source.query(`create unlogged table forgotten (id int)`);
  await source.query(`insert into forgotten select generate_series(1, 100)`);
  // TOAST, and enough for several parts
  await source.query(
    `insert into orders select n, string_agg(md5((n * m)::text), '') from generate_series(1, 300) n, generate_series(1, 300) m group by n`,
  );
  await addRows(source, "before the first backup");
}

async function addRows(source: TestCluster, note: string): Promise<void> {
  for (const table of tables.slice(0, 3))
    await source.query(
      `insert into ${table} select coalesce((select max(id) from ${table}), 0) + n, '${note} ☃' from generate_series(1, 50) n`,
    );
}

/** A non-exclusive backup, with rows that are written while it runs. */
async function backUp(source: TestCluster, archive: string, timeline: number): Promise<void> {
  const client = new Client({ connectionString: source.url() });
  await client.connect();
  const old = source.version < 15;
  try {
    const begin = old ? "pg_start_backup('freeze_start_x', true, false)" : "pg_backup_start('freeze_start_x', true)";
    const started = await client.query<{ lsn: string; version: string }>(
      `select ${begin} as lsn, version() as version`,
    );
    const { lsn = "", version = "" } = started.rows[0] ?? {};
    await writeBaseBackup({
      store: folderStore(archive),
      dataDir: source.dataDir,
      timeline,
      startLsn: parseWalLsn(lsn),
      version,
      partitionBytes: 6_000_000,
      stop: async () => {
        await addRows(source, "while the backup ran");
        const end = old ? "pg_stop_backup(false)" : "pg_backup_stop()";
        const { rows } = await client.query<Record<string, string>>(`select * from ${end}`);
        const { lsn: stop = "", labelfile = "", spcmapfile = "" } = rows[0] ?? {};
        return { stopLsn: parseWalLsn(stop), backupLabel: labelfile, tablespaceMap: spcmapfile };
      },
    });
  } finally {
    await client.end();
  }
}

/** The server takes itself for a restored one that has come to the end of its WAL. */
async function changeTimeline(source: TestCluster): Promise<void> {
  await source.stop("fast");
  await writeFile(join(source.dataDir, "recovery.signal"), "");
  await source.start({ restore_command: "'false'" });
  await waitFor(
    async () => (await source.query<{ ended: boolean }>("select not pg_is_in_recovery() as ended"))[0]?.ended,
    {
      what: "the end of recovery",
      deadlineMs: 60_000,
    },
  );
}

async function shipWal(source: TestCluster, wal: string): Promise<void> {
  const [row] = await source.query<{ name: string }>("select pg_walfile_name(pg_switch_wal()) as name");
  const file = join(wal, `${row?.name}.lzo`);
  await waitFor(() => existsSync(file), { what: file, deadlineMs: 60_000 });
}

/** Rows and hash of each table. */
async function contentOf(query: (sql: string) => Promise<unknown[]>): Promise<Record<string, unknown[]>> {
  const content: Record<string, unknown[]> = {};
  for (const table of tables)
    content[table] = await query(
      `select count(*) as rows, sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric)::text as hash from ${table} t`,
    );
  return content;
}
