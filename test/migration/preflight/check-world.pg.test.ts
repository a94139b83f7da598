import { chmod, copyFile, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import { systemClock, waitFor } from "../../../src/clock.ts";
import { silentLog } from "../../../src/log.ts";
import { checkWorld } from "../../../src/migration/preflight/check-world.ts";
import type { Verdict } from "../../../src/migration/preflight/judge.ts";
import { type Database, openDatabase } from "../../../src/postgres/connect.ts";
import { type Source, startSource } from "../../../src/sandbox/postgres/source.ts";
import { clientOf, startWorld, type TestWorld } from "../../sandbox/heroku/world.ts";
import { systemBindir } from "../../support/bindir.ts";
import { checkConfig } from "./check-config.ts";

/** A Heroku-like source with its archive in a folder, and the Heroku stand-in around it. */
let root: string;
let source: Source;
let heroku: TestWorld;
let admin: Database;
let owner: Database;

const bucket = (): string => join(root, "archive");

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "drawbridge-preflight-"));
  await chmod(root, 0o711);
  const archive = folderStore(join(root, "archive"));
  source = await startSource({ bindir: systemBindir(), directory: join(root, "source"), archive, log: silentLog });
  // two-phase commit has to be allowed before it can be found
  await source.cluster.stop("fast");
  await source.cluster.configure({ max_prepared_transactions: "5" });
  await source.cluster.start();
  admin = openDatabase(source.cluster.adminUrl(source.database), { applicationName: "test-admin", max: 1 });
  owner = openDatabase(source.url(), { applicationName: "test-owner", max: 2 });
  heroku = await startWorld({
    addons: [
      {
        name: "postgresql-curved-1",
        plan: "heroku-postgresql:standard-0",
        app: "shop",
        url: source.url().reveal(),
        attachments: [{ app: "shop", name: "DATABASE" }],
      },
    ],
  });
  await owner.query("create table orders (id bigint primary key, body json)");
  await source.takeBaseBackup();
  // the segment in which the backup ends has to be archived before anyone can restore it
  await admin.query("select pg_switch_wal()");
  await waitFor(passes, { deadlineMs: 30_000, what: "the base backup's WAL to be archived" });
});

afterAll(async () => {
  await heroku?.[Symbol.asyncDispose]();
  await owner?.end();
  await admin?.end();
  await source?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function passes(): Promise<boolean> {
  const { passed } = await check();
  return passed.includes("archive") && passed.includes("archiver");
}

async function check(): Promise<Verdict> {
  return checkWorld({
    config: checkConfig(),
    heroku: clientOf(heroku.stand),
    openArchive: async () => folderStore(bucket()),
    clientBindir: systemBindir(),
    clock: systemClock,
    log: silentLog,
  });
}

const blockers = ({ findings }: Verdict): string[] =>
  findings.filter(({ severity }) => severity === "blocker").map(({ check: name, message }) => `${name}: ${message}`);

describe("preflight of a real server", () => {
  it("lets a healthy source through, and changes nothing there", async () => {
    const [before] = await admin.query("select count(*) as n from pg_class");
    const verdict = await check();
    expect(blockers(verdict)).toEqual([]);
    expect(verdict.skipped).toEqual([]);
    expect(verdict.passed).toEqual(expect.arrayContaining(["archive", "archiver", "owner-rights", "database-url"]));
    expect(await admin.query("select count(*) as n from pg_class")).toEqual([before]);
  });

  it("names everything in a bad schema that cannot be migrated", async () => {
    await owner.query("create extension hstore");
    for (const statement of badAsOwner) await owner.query(statement);
    for (const statement of badAsAdmin) await admin.query(statement);
    const verdict = await check();
    const text = verdict.findings
      .map(({ check: name, severity, message }) => `${severity} ${name}: ${message}`)
      .join("\n");
    for (const expected of expectedWords) expect(text).toMatch(expected);
    expect(verdict.findings.every(({ fix }) => fix.length > 10)).toBe(true);
    for (const statement of mended) await admin.query(statement);
    expect(blockers(await check())).toEqual([]);
  });

  it("names a prepared transaction with who can end it", async () => {
    await owner.transaction(async (tx) => {
      await tx.query("insert into orders values (1)");
      await tx.query("prepare transaction 'half-done'");
    });
    try {
      expect(blockers(await check())).toEqual([expect.stringContaining("half-done")]);
    } finally {
      await owner.query("rollback prepared 'half-done'");
    }
  });

  it("sees a gap in the archived WAL, and a base backup that is encrypted", async () => {
    const wal = join(bucket(), "wal_005");
    const segments = (await readdir(wal)).filter((name) => /^[0-9A-F]{24}\.lzo$/.test(name)).toSorted();
    const last = segments.at(-1) ?? "";
    // a newer segment than any that is there: what lies between is missing
    const later = `${last.slice(0, 22)}F0.lzo`;
    await copyFile(join(wal, last), join(wal, later));
    expect(blockers(await check())).toEqual([expect.stringMatching(/^archive: WAL is missing/)]);
    await rm(join(wal, later));

    const [backup] = (await readdir(join(bucket(), "basebackups_005"))).filter((name) => !name.endsWith(".json"));
    const part = join(bucket(), "basebackups_005", backup ?? "", "tar_partitions", "part_00000000.tar.lzo");
    await rename(part, `${part}.aside`);
    await writeFile(part, Buffer.from("85010c03deadbeef", "hex"));
    expect(blockers(await check())).toEqual([expect.stringMatching(/OpenPGP/)]);
    await rm(part);
    expect(blockers(await check())).toEqual([expect.stringMatching(/part_0*0.*missing|no tar partition/)]);
    await rename(`${part}.aside`, part);
  });

  it("says what it could not reach, and judges the rest", async () => {
    const verdict = await checkWorld({
      config: checkConfig(),
      heroku: clientOf(heroku.stand),
      openArchive: () => Promise.reject(new Error("no keys to the archive")),
      clientBindir: "/nonexistent",
      clock: systemClock,
      log: silentLog,
    });
    expect(blockers(verdict)).toEqual([
      expect.stringMatching(/^read-archive: .*no keys/),
      expect.stringMatching(/^client-version: .*\/nonexistent/),
    ]);
    expect(verdict.skipped).toEqual(["archive"]);
  });
});

const badAsOwner = [
  "create table raw (n int, body json)",
  "create table no_key (n int)",
  "create function helper(text) returns text language sql immutable as 'select lower($1)'",
  "create unlogged table scratch (n int)",
  "create domain positive as int",
  "create table amounts (id int primary key, n positive)",
  "alter domain positive add constraint above_zero check (value > 0) not valid",
  "create function note() returns trigger language plpgsql as 'begin return new; end'",
  "create trigger always_on before insert on orders for each row execute function note()",
  "alter table orders enable always trigger always_on",
  "create table tenants (id int primary key)",
  "alter table tenants enable row level security",
  "alter table tenants force row level security",
  "create table sums (id int primary key, n int, twice int generated always as (n * 2) stored)",
  "create materialized view totals as select count(*) as n from orders",
  "create function plain(text) returns text language sql immutable as 'select helper($1)'",
  "create table names (id int primary key, name text)",
  "create index by_name on names (plain(name))",
  "select lo_create(0)",
  "create schema drawbridge",
  "create table drawbridge.bridges (n int)",
];

const badAsAdmin = [
  "create role dba",
  "create table theirs (id int primary key)",
  "alter table theirs owner to dba",
  "create extension file_fdw",
  "create function public.raw_sin(float8) returns float8 language internal as 'dsin'",
];

const expectedWords = [
  /blocker replica-identity: public\.raw.*body/,
  /warning replica-identity: .*public\.no_key/,
  /warning unreplicated-tables: .*public\.scratch/,
  /warning unproven-checks: .*public\.positive\.above_zero/,
  /blocker apply-triggers: .*public\.orders\.always_on/,
  /blocker row-security: .*public\.tenants/,
  /blocker search-path: public\.plain finds helper .* index by_name/,
  /note generated-columns: .*public\.sums\.twice/,
  /note materialized-views: .*public\.totals/,
  /blocker large-objects: .*1 large object/,
  /blocker marker-schema: .*bridges/,
  /blocker table-owners: .*dba: public\.theirs/,
  /blocker extensions: .*file_fdw/,
  /blocker superuser-objects: .*raw_sin/,
];

const mended = [
  "alter table raw add column id bigint generated always as identity primary key",
  "alter table orders enable trigger always_on",
  "alter table tenants no force row level security",
  "select lo_unlink(oid) from pg_largeobject_metadata",
  "alter schema drawbridge rename to bridges",
  "alter function plain set search_path = public, pg_temp",
  "drop table theirs",
  "drop extension file_fdw",
  "drop function raw_sin",
];
