import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, renameSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeBaseBackup } from "../../../src/archive/backup/write-backup.ts";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { parseWalLsn } from "../../../src/archive/format/wal-names.ts";
import { checkBaseBackup } from "../../../src/archive/restore/check-backup.ts";
import { restoreBaseBackup } from "../../../src/archive/restore/restore.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { openSession, type Session } from "../../../src/postgres/session.ts";
import { Secret } from "../../../src/redact.ts";
import { restoreByHand, waitForTrue } from "../../cli/archive/hand-restored.ts";
import { makeHome } from "../../cli/archive/run-command.ts";
import { type ArchivingSource, startSource } from "../wal/replica.ts";
import { backUpAsWalG } from "./walg-by-tar.ts";

/** One row a page, in place: 2.2 GB, which PostgreSQL keeps in three files. */
const rows = 290_000;
const sums = `select count(*) as rows, sum(id) as ids, sum(hashtext(filler)::bigint) as filler from big`;

let source: ArchivingSource;
let relation = "";
let content: unknown;
let walE = "";
let walG = "";

beforeAll(async () => {
  source = await startSource();
  const { cluster } = source;
  await cluster.query("create table big (id int, filler text)");
  await cluster.query("alter table big alter column filler set storage plain");
  const [command] = await cluster.query<{ archive_command: string }>("show archive_command");
  // the WAL of the load is not needed, and 2 GB
  const archiveBy = async (how: string): Promise<void> => {
    await cluster.query(`alter system set archive_command = '${how.replaceAll("'", "''")}'`);
    await cluster.query("select pg_reload_conf()");
  };
  await archiveBy("true");
  await cluster.query(`insert into big select n, repeat(md5(n::text), 240) from generate_series(1, ${rows}) n`);
  await cluster.query("checkpoint");
  await cluster.query("select pg_switch_wal()");
  await archiveBy(command?.archive_command ?? "");
  const [where] = await cluster.query<{ path: string }>("select pg_relation_filepath('big') as path");
  relation = where?.path ?? "";
  [content] = await cluster.query(sums);
  await backUpTwice();
}, 240_000);
afterAll(() => source[Symbol.asyncDispose]());

/** Both layouts in one archive, of one backup. */
async function backUpTwice(): Promise<void> {
  const { cluster, archive } = source;
  await using session = await openSession(new Secret(cluster.url()), { applicationName: "drawbridge-test" });
  const [start] = await session.query<{ lsn: string; version: string; sysid: string }>(`
    select pg_backup_start('test', true)::text as lsn, version() as version,
           (select system_identifier::text from pg_control_system()) as sysid`);
  if (!start) throw new Error("no backup was begun");
  const common = { dataDir: cluster.dataDir, startLsn: parseWalLsn(start.lsn) };
  let stopped: Promise<Stopped> | undefined;
  const stop = (): Promise<Stopped> => (stopped ??= stopBackup(session));
  walE = await writeBaseBackup({
    ...common,
    store: folderStore(archive),
    timeline: 1,
    version: start.version,
    stop: async () => {
      walG = await backUpAsWalG({ ...common, archive, systemIdentifier: start.sysid, stop });
      return stop();
    },
  });
}

type Stopped = Awaited<ReturnType<typeof stopBackup>>;

async function stopBackup(session: Session): Promise<{ stopLsn: bigint; backupLabel: string; tablespaceMap: string }> {
  const [row] = await session.query<{ lsn: string; labelfile: string; spcmapfile: string }>(
    "select lsn::text as lsn, labelfile, spcmapfile from pg_backup_stop(true)",
  );
  if (!row) throw new Error("no backup was ended");
  return { stopLsn: parseWalLsn(row.lsn), backupLabel: row.labelfile, tablespaceMap: row.spcmapfile };
}

test("PostgreSQL keeps the relation in more than two files", () => {
  for (const segment of ["", ".1", ".2"])
    expect(existsSync(join(source.cluster.dataDir, relation + segment))).toBe(true);
});

describe("a relation of more than 2 GB", () => {
  test.each([
    ["WAL-E", () => walE],
    ["WAL-G", () => walG],
  ])("in %s's layout: every row is there after the restore", async (_writer, name) => {
    const args = ["--prefix", `file://${source.archive}`, "--backup", name()];
    await using restored = await restoreByHand(source.cluster.bindir, args);
    await restored.start();
    await waitForTrue(restored, "not pg_is_in_recovery()");
    const client = await restored.connect();
    try {
      expect((await client.query(sums)).rows).toEqual([content]);
    } finally {
      await client.end();
    }
  });

  test("whose second file is in no part is refused: by the size of the whole, and by name where that is allowed", async () => {
    const folder = join(source.archive, "basebackups_005", walE, "tar_partitions");
    const lacking = readdirSync(folder).find((part) => dropMember(join(folder, part), `${relation}.1`));
    expect(lacking).toBeDefined();
    const store = folderStore(source.archive);
    const backup = (await listBackups(store)).find(({ name }) => name === walE);
    if (!backup) throw new Error("no backup");
    const { problems } = await checkBaseBackup({ store, backup });
    expect(problems).toMatchObject([
      { object: walE, reason: expect.stringMatching(/a part is missing or cut/) },
      {
        reason: `${relation}.1 is missing, ${relation}.2 is there`,
      },
    ]);
    await using home = await makeHome();
    const options = { store, backup, into: join(home.path, "pgdata"), tablespacesDir: join(home.path, "ts") };
    await mkdir(options.into, { recursive: true });
    await expect(restoreBaseBackup({ ...options, allowShortfallBytes: 2 ** 31 })).rejects.toMatchObject({
      code: "DB_ARCHIVE_INVALID",
      message: `${walE}: ${relation}.1 is missing, ${relation}.2 is there`,
    });
    expect(existsSync(join(options.into, "global/pg_control"))).toBe(false);
  });
});

/** Packs a part anew without one member. `false`: it was not in it. */
function dropMember(part: string, member: string): boolean {
  const bash = (script: string): string =>
    execFileSync("bash", ["-o", "pipefail", "-c", script], { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (!bash(`lzop -dc '${part}' | tar -tf -`).split("\n").includes(member)) return false;
  bash(`lzop -dc '${part}' | tar --delete -f - '${member}' | lzop -c > '${part}.new'`);
  renameSync(`${part}.new`, part);
  return true;
}
