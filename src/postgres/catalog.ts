import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "./connect.ts";
import type { TableName } from "./identifier.ts";
import { type Lsn, parseLsn } from "./lsn.ts";
import { inUserSchema, notOfExtension } from "./tables.ts";

/** Which cluster and database we talk to. */
export interface DatabaseIdentity {
  /** Made by initdb; the same in every physical copy. A string: it needs 64 bits unsigned. */
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Major version, 15. */
  readonly version: number;
  /** `server_version`, "15.18 (Debian …)". */
  readonly fullVersion: string;
  readonly inRecovery: boolean;
  readonly database: string;
  readonly user: string;
  readonly isSuperuser: boolean;
}

/** An installed extension. */
export interface ExtensionFacts {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
  /** Whether it has configuration tables whose rows a schema dump carries only in part. */
  readonly hasConfigTables: boolean;
}

/** Encoding and collation of the database, and the collations whose library changed since. */
export interface CollationFacts {
  readonly encoding: string;
  readonly provider: string;
  readonly collate: string;
  readonly ctype: string;
  /** The collation library's version when the database was made, and now; `undefined` where it has none (C, or before 15). */
  readonly recordedVersion: string | undefined;
  readonly actualVersion: string | undefined;
  /** User collations that are in use and whose recorded version differs from the library's. */
  readonly outdated: readonly string[];
}

/** One setting as `show` prints it; `undefined` when the server does not know it. */
export async function setting(db: Queryable, name: string): Promise<string | undefined> {
  const [row] = await db.query<{ value: string | null }>("select current_setting($1, true) as value", [name]);
  return row?.value ?? undefined;
}

/** System identifier, timeline, version, and whether it is a standby. */
export async function databaseIdentity(db: Queryable): Promise<DatabaseIdentity> {
  const [row] = await db.query<{
    id: string;
    timeline: number;
    num: number;
    full: string;
    recovery: boolean;
    database: string;
    who: string;
    super: boolean;
  }>(`
    select (select system_identifier::text from pg_control_system()) as id,
      -- the control file learns of a promotion's timeline only at the checkpoint after it
      case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
           else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
      current_setting('server_version_num')::int as num, current_setting('server_version') as full,
      pg_is_in_recovery() as recovery, current_database() as database, current_user as who,
      (select rolsuper from pg_roles where rolname = current_user) as super`);
  if (!row) throw new DrawbridgeError("DB_UNEXPECTED", "the server described no identity");
  return {
    systemIdentifier: row.id,
    timeline: row.timeline,
    version: Math.trunc(row.num / 10_000),
    fullVersion: row.full,
    inRecovery: row.recovery,
    database: row.database,
    user: row.who,
    isSuperuser: row.super,
  };
}

/** Installed extensions, without plpgsql, which every database has. */
export async function extensions(db: Queryable): Promise<ExtensionFacts[]> {
  return db.query<ExtensionFacts>(`
    select e.extname as name, e.extversion as version, n.nspname as schema, e.extconfig is not null as "hasConfigTables"
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace
    where e.extname <> 'plpgsql' order by e.extname`);
}

/** Extensions that the server could install, with their default versions and whether a database's owner may. */
export async function availableExtensions(
  db: Queryable,
): Promise<{ name: string; version: string; trusted: boolean }[]> {
  return db.query(`
    select a.name, a.default_version as version, coalesce(v.trusted, false) as trusted
    from pg_available_extensions a left join pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
    order by a.name`);
}

/** How many large objects the database holds; logical replication does not carry them. */
export async function largeObjectCount(db: Queryable): Promise<number> {
  const [row] = await db.query<{ n: string }>("select count(*) as n from pg_largeobject_metadata");
  return Number(row?.n ?? 0);
}

/** Transactions prepared for two-phase commit, in any database of the cluster: each blocks the creation of slots. */
export async function preparedTransactions(
  db: Queryable,
): Promise<{ gid: string; database: string; owner: string; prepared: Date }[]> {
  return db.query("select gid, database, owner, prepared from pg_prepared_xacts order by prepared");
}

/** Encoding, locale and collation versions. */
export async function collations(db: Queryable): Promise<CollationFacts> {
  // datcollversion and datlocprovider came with 15
  const [row] = await db.query<{
    encoding: string;
    provider: string | null;
    collate: string;
    ctype: string;
    recorded: string | null;
  }>(`
    select pg_encoding_to_char(d.encoding) as encoding, to_jsonb(d) ->> 'datlocprovider' as provider,
      d.datcollate as collate, d.datctype as ctype, to_jsonb(d) ->> 'datcollversion' as recorded
    from pg_database d where d.datname = current_database()`);
  const actual = await databaseCollationVersion(db);
  const outdated = await db.query<{ name: string }>(`
    select distinct quote_ident(n.nspname) || '.' || quote_ident(l.collname) as name
    from pg_collation l join pg_namespace n on n.oid = l.collnamespace
    where l.collversion is distinct from pg_collation_actual_version(l.oid)
      and exists (select from pg_attribute a where a.attcollation = l.oid and a.attrelid >= 16384 and not a.attisdropped)`);
  if (!row) throw new DrawbridgeError("DB_UNEXPECTED", "the server described no database");
  return {
    encoding: row.encoding,
    provider: row.provider === "i" ? "icu" : row.provider === "b" ? "builtin" : "libc",
    collate: row.collate,
    ctype: row.ctype,
    recordedVersion: row.recorded ?? undefined,
    actualVersion: actual,
    outdated: outdated.map(({ name }) => name),
  };
}

async function databaseCollationVersion(db: Queryable): Promise<string | undefined> {
  const [known] = await db.query<{ n: string | null }>(
    "select to_regproc('pg_database_collation_actual_version')::text as n",
  );
  if (known?.n === null || known === undefined) return undefined;
  const [row] = await db.query<{ v: string | null }>(
    "select pg_database_collation_actual_version(oid) as v from pg_database where datname = current_database()",
  );
  return row?.v ?? undefined;
}

/** Objects that need their own treatment, by kind. */
export interface SpecialObjects {
  readonly materializedViews: readonly TableName[];
  readonly eventTriggers: readonly string[];
  /** Triggers that fire under logical apply (`ENABLE ALWAYS` or `REPLICA`), as `schema.table.trigger`. */
  readonly applyTriggers: readonly string[];
  readonly publications: readonly string[];
  readonly subscriptions: readonly string[];
  /** Logical slots of this database. */
  readonly logicalSlots: readonly { name: string; active: boolean }[];
}

/** Materialized views, event triggers, triggers that fire under apply, publications, subscriptions, logical slots. */
export async function specialObjects(db: Queryable): Promise<SpecialObjects> {
  const names = async (sql: string): Promise<string[]> =>
    (await db.query<{ name: string }>(sql)).map(({ name }) => name);
  return {
    materializedViews: await db.query(
      `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'm' and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")} order by 1, 2`,
    ),
    eventTriggers: await names(
      `select t.evtname as name from pg_event_trigger t where ${notOfExtension("pg_event_trigger", "t.oid")} order by 1`,
    ),
    applyTriggers: await names(
      `select n.nspname || '.' || c.relname || '.' || t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
       join pg_namespace n on n.oid = c.relnamespace
       where t.tgenabled in ('A', 'R') and not t.tgisinternal and ${inUserSchema} order by 1`,
    ),
    publications: await names("select pubname as name from pg_publication order by 1"),
    subscriptions: await names(
      "select s.subname as name from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = current_database() order by 1",
    ),
    logicalSlots: await db.query(
      "select slot_name as name, active from pg_replication_slots where slot_type = 'logical' and database = current_database() order by 1",
    ),
  };
}

/** Where the server's WAL stands: written to on a primary, replayed to on a standby. */
export async function walPosition(db: Queryable): Promise<Lsn> {
  const [row] = await db.query<{ lsn: string | null }>(
    "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text as lsn",
  );
  return parseLsn(row?.lsn ?? "0/0");
}
