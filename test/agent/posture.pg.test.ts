import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { openSession, type Session } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { type ArchivingSource, startSource } from "../archive/wal/replica.ts";
import { makeBridge, type TestBridge } from "./bridge.ts";
import { backUp } from "./live-source.ts";

let source: ArchivingSource;
let bridge: TestBridge;
let port = 0;

beforeAll(async () => {
  source = await startSource();
  const { cluster } = source;
  await cluster.query("create role old_app login; create role new_app login; create role visitor login password 'v'");
  await cluster.query("set password_encryption = 'md5'; alter role old_app password 'old secret'");
  await cluster.query("set password_encryption = 'scram-sha-256'; alter role new_app password 'new secret'");
  await cluster.query("create role boss superuser login password 'b'");
  await cluster.query("alter system set max_wal_senders = 3");
  const icu = cluster.version >= 15 ? "locale_provider icu icu_locale 'en'" : "";
  await cluster.query(`create database shop template template0 ${icu}`);
  await cluster.query("create collation german (provider = icu, locale = 'de')", "shop");
  await cluster.query("create collation unused (provider = icu, locale = 'fr')", "shop");
  await cluster.query("create table people (name text collate german, town text)", "shop");
  // as if the source's host had an older library
  await cluster.query("update pg_collation set collversion = '1.0' where collname in ('german', 'unused')", "shop");
  if (cluster.version >= 15)
    await cluster.query("update pg_database set datcollversion = '1.0' where datname = 'shop'");
  await backUp(source);
  await source.writeSegment(1);
  bridge = await makeBridge(folderStore(source.archive));
  const logins = ["old_app", "new_app", "boss"].map((role) => ({ role, method: "md5" as const }));
  bridge.journal.setGoal("standby", { database: "shop", logins });
  bridge.startAgent();
  port = (await bridge.journal.reached("following")).facts.port ?? 0;
});
afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
});

function login(role: string, password: string, database = "shop"): Promise<Session> {
  const url = `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  return openSession(new Secret(url), { applicationName: "drawbridge-test" });
}

test("a role whose password is stored as md5 logs in, one with SCRAM logs in under a SCRAM line, both with their password only", async () => {
  for (const [role, password] of [
    ["old_app", "old secret"],
    ["new_app", "new secret"],
  ] as const) {
    await using session = await login(role, password);
    expect(await session.query("select current_user as role")).toEqual([{ role }]);
    await expect(login(role, "wrong")).rejects.toThrow(/password authentication failed/);
  }
  const hba = await readFile(join(bridge.instanceDir, "pgdata/pg_hba.conf"), "utf8");
  expect(hba).toMatch(/"old_app".* md5$/m);
  expect(hba).toMatch(/"new_app".* scram-sha-256$/m);
  expect(hba).not.toMatch(/"new_app".* md5$/m);
});

test("nobody else: other roles, superusers though the goal names one, and other databases have no line", async () => {
  await expect(login("visitor", "v")).rejects.toThrow(/no pg_hba.conf entry/);
  await expect(login("boss", "b")).rejects.toThrow(/no pg_hba.conf entry/);
  await expect(login("old_app", "old secret", "postgres")).rejects.toThrow(/no pg_hba.conf entry/);
});

test("a role whose password changes to the other kind is let in by the other method", async () => {
  await source.cluster.query("set password_encryption = 'scram-sha-256'; alter role old_app password 'newer secret'");
  await source.writeSegment(2);
  const hba = (): Promise<string> => readFile(join(bridge.instanceDir, "pgdata/pg_hba.conf"), "utf8");
  for (let looks = 0; looks < 10 && !/"old_app".* scram-sha-256$/m.test(await hba()); looks += 1) {
    await bridge.journal.reached("following");
  }
  expect(await hba()).toMatch(/"old_app".* scram-sha-256$/m);
  await using session = await login("old_app", "newer secret");
  expect(await session.query("select 1 as one")).toEqual([{ one: 1 }]);
});

test("what the source's ALTER SYSTEM left is moved aside; WAL is logical, shipped once primary, and asked for every 200 ms", async () => {
  expect(existsSync(join(bridge.instanceDir, "pgdata/postgresql.auto.conf.from-archive"))).toBe(true);
  await using session = await bridge.session("shop", port);
  const [settings] = await session.query<Record<string, string>>(`
    select current_setting('wal_level') as wal_level, current_setting('archive_mode') as archive_mode,
           current_setting('wal_retrieve_retry_interval') as pause, current_setting('max_wal_senders') as senders,
           current_setting('primary_conninfo') as conninfo, current_setting('archive_command') as archive`);
  expect(settings).toMatchObject({
    wal_level: "logical",
    archive_mode: "on",
    pause: "200ms",
    senders: "20",
    conninfo: "",
  });
  expect(settings?.["archive"]).toContain(join(bridge.instanceDir, "archive-wal.sh"));
});

test("what is sorted by another library's version than this host's is told, and nothing that is not used", async () => {
  const { facts } = await bridge.journal.reached("following", (one) => one.facts.collations !== undefined);
  const names = (facts.collations ?? []).map(({ what, recorded }) => `${what} ${recorded}`);
  const database = source.cluster.version >= 15 ? ["database shop 1.0"] : [];
  expect(names).toEqual(["collation public.german 1.0", ...database]);
  expect(facts.collations?.every(({ actual }) => /^\d/.test(actual))).toBe(true);
});

test("versions that cannot be compared are told as such, not as equal", async () => {
  bridge.journal.setGoal("standby", { database: "nowhere" });
  const { facts } = await bridge.journal.reached("following");
  expect(facts.collations).toBeUndefined();
  expect(facts.collationsFault).toMatch(/nowhere/);
  bridge.journal.setGoal("standby", { database: "postgres" });
  const equal = await bridge.journal.reached("following");
  expect(equal.facts).toMatchObject({ collations: [] });
  expect(equal.facts.collationsFault).toBeUndefined();
});
