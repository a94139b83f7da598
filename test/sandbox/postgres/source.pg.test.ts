import { mkdtemp, rm, writeFile, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackup } from "../../../src/archive/format/choose-backup.ts";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { restoreBaseBackup } from "../../../src/archive/restore/restore.ts";
import { openS3Store, type S3Store } from "../../../src/aws/s3-store.ts";
import { waitFor } from "../../../src/clock.ts";
import { silentLog } from "../../../src/log.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { Secret } from "../../../src/redact.ts";
import { type Source, startSource } from "../../../src/sandbox/postgres/source.ts";
import { type S3Server, startS3 } from "../../../src/sandbox/s3/s3-server.ts";
import { systemBindir } from "../../support/bindir.ts";

let root: string;
let s3: S3Server;
let store: S3Store;
let source: Source;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "drawbridge-source-"));
  await chmod(root, 0o711);
  s3 = await startS3({
    root: join(root, "s3"),
    buckets: ["heroku"],
    credentials: new Map([["AK", { secretAccessKey: "sk" }]]),
  });
  const credentials = async () => ({ accessKeyId: "AK", secretAccessKey: new Secret("sk") });
  const place = { bucket: "heroku", prefix: "abc", region: "us-east-1", endpoint: s3.url, forcePathStyle: true };
  store = openS3Store({ ...place, credentials, log: silentLog });
  source = await startSource({
    bindir: systemBindir(),
    directory: join(root, "source"),
    archive: store,
    partitionBytes: 8_000_000,
    log: silentLog,
  });
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  store.close();
  await s3.stop();
  await rm(root, { recursive: true, force: true });
});

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

describe("the Heroku-like source", () => {
  it("gives the customer an owner without superuser and replication", async () => {
    await using owner = openDatabase(source.url(), { applicationName: "test" });
    const [role] = await owner.query<{ rolsuper: boolean; rolreplication: boolean; monitor: boolean }>(
      `select rolsuper, rolreplication, pg_has_role(rolname, 'pg_monitor', 'usage') as monitor from pg_roles where rolname = current_user`,
    );
    expect(role).toEqual({ rolsuper: false, rolreplication: false, monitor: true });
    await expect(owner.query("select pg_switch_wal()")).rejects.toThrow(/permission denied/);
    await owner.query("create table mine (id bigint primary key)");
    await owner.query("create extension citext");
  });

  it("archives a segment within seconds when the owner fills it", async () => {
    await using owner = openDatabase(source.url(), { applicationName: "test" });
    const before = (await keys("wal_005/")).length;
    await owner.query(
      "select count(pg_logical_emit_message(false, 'pad', repeat('x', 8000))) from generate_series(1, 2200)",
    );
    const stored = async (): Promise<boolean> => (await keys("wal_005/")).length > before;
    await waitFor(stored, { what: "the segment in the archive", deadlineMs: 5_000, everyMs: 50 });
    for (const key of await keys("wal_005/")) expect(key).toMatch(/^wal_005\/[0-9A-F]{24}\.lzo$/);
  });

  it("writes a base backup in WAL-E's layout, the sentinel with Heroku's labels", async () => {
    const name = await source.takeBaseBackup();
    expect(name).toMatch(/^base_[0-9A-F]{24}_\d{8}$/);
    const found = await keys("basebackups_005/");
    const parts = found.filter((key) => key.includes("/tar_partitions/"));
    expect(parts.length).toBeGreaterThan(1);
    expect(parts[0]).toBe(`basebackups_005/${name}/tar_partitions/part_00000000.tar.lzo`);
    expect(found).toContain(`basebackups_005/${name}/extended_version.txt`);
    const sentinel = await store.get(`basebackups_005/${name}_backup_stop_sentinel.json`);
    const text = (await sentinel?.body.toArray())?.join("") ?? "";
    expect(JSON.parse(text)).toMatchObject({ backup_label: expect.stringContaining("LABEL: freeze_start_") });
    expect(await keys("wal_005/")).toContainEqual(expect.stringMatching(/\.backup\.lzo$/));
  });

  it("writes what the archive's reader restores", async () => {
    const [backup] = await listBackups(store);
    if (backup === undefined) throw new Error("there is no backup");
    const segments = new Set((await keys("wal_005/")).map((key) => key.slice("wal_005/".length, -".lzo".length)));
    expect(chooseBackup({ backups: [backup], wanted: "LATEST", segments, segmentBytes: 16 * 1024 * 1024 })).toBe(
      backup,
    );
    const into = join(root, "restored");
    const restored = await restoreBaseBackup({ store, backup, into, tablespacesDir: join(root, "tablespaces") });
    await using owner = openDatabase(source.url(), { applicationName: "test" });
    const [control] = await owner.query<{ id: string }>(
      "select system_identifier::text as id from pg_control_system()",
    );
    expect(String(restored.systemIdentifier)).toBe(control?.id);
  });

  it("loads a plain dump as the owner, and names the line of what it cannot load", async () => {
    const file = join(root, "dump.sql");
    const dump = [
      "SET transaction_timeout = 0;",
      "CREATE TYPE mood AS ENUM ('sad', 'GRANT ALL;');",
      'CREATE TABLE "Odd Name" (id int PRIMARY KEY, t text);',
      'ALTER TABLE public."Odd Name" OWNER TO somebody;',
      'COPY "Odd Name" (id, t) FROM stdin;',
      "1\tGRANT ALL ON x TO y;",
      "\\.",
      'GRANT SELECT ON "Odd Name" TO nobody_here;',
    ];
    await writeFile(file, dump.join("\n"));
    await source.loadFile({ file, clientBindir: systemBindir() });
    await using owner = openDatabase(source.url(), { applicationName: "test" });
    expect(await owner.query(`select t from "Odd Name"`)).toEqual([{ t: "GRANT ALL ON x TO y;" }]);
    await writeFile(file, "select 1;\n\nselect wrong;\n");
    const failed = source.loadFile({ file, clientBindir: systemBindir() });
    await expect(failed).rejects.toMatchObject({
      code: "DB_BAD_INPUT",
      message: expect.stringMatching(/dump\.sql, line 3: .*wrong/),
    });
  });

  it("rotates the owner's password", async () => {
    const old = source.url();
    const renewed = await source.rotatePassword();
    await using late = openDatabase(old, { applicationName: "test" });
    await expect(late.query("select 1")).rejects.toThrow(/authentication/);
    await using owner = openDatabase(renewed, { applicationName: "test" });
    expect(await owner.query("select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("is started again at the same address when its server is killed", async () => {
    const before = source.cluster.pid() ?? 0;
    process.kill(before, "SIGKILL");
    await using db = openDatabase(source.url(), { applicationName: "test", max: 1, connectTimeoutMs: 1_000 });
    const answers = () => db.query("select 1 as one").catch(() => undefined);
    const rows = await waitFor(answers, {
      deadlineMs: 60_000,
      everyMs: 200,
      what: "the killed source to answer again",
    });
    expect(rows).toEqual([{ one: 1 }]);
    expect(source.cluster.pid()).not.toBe(before);
  });
});
