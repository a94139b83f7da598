import {
  type CollationFacts,
  collations,
  type DatabaseIdentity,
  databaseIdentity,
  type ExtensionFacts,
  extensions,
  largeObjectCount,
  preparedTransactions,
  type SpecialObjects,
  specialObjects,
} from "./catalog.ts";
import type { Database, Queryable } from "./connect.ts";
import { inUserSchema, notOfExtension, type TableFacts, userTables } from "./tables.ts";

/** Limits that a standby must have at least as high as its primary, or hot standby refuses to start (number 8). */
export const standbyLimits = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;

/** A session that may hold things up: open for long, or idle in its transaction. */
export interface OldTransaction {
  readonly pid: number;
  readonly user: string | null;
  readonly applicationName: string;
  readonly state: string | null;
  readonly ageMs: number;
}

/** A user-defined type and a text that changes with its definition (number 21). */
export interface TypeFacts {
  readonly name: string;
  readonly kind: "enum" | "domain" | "composite" | "range" | "base";
  readonly definition: string;
}

/** What preflight has to know of a source, without any judgement. Numbers are those of the list of checks. */
export interface PreflightFacts {
  /** 2 */
  readonly identity: DatabaseIdentity;
  readonly blockSize: number;
  readonly dataChecksums: boolean;
  readonly databaseBytes: bigint;
  /** Other databases of the cluster that are no templates: they are not migrated. */
  readonly otherDatabases: readonly string[];
  /** 8: {@link standbyLimits} by name. */
  readonly limits: Readonly<Record<string, number>>;
  /** Settings that decide on the archive and on replication. */
  readonly settings: Readonly<Record<string, string>>;
  /** 9, 11, 23 */
  readonly tables: readonly TableFacts[];
  /** 16, 24, 25, 27 */
  readonly special: SpecialObjects;
  /** 17 */
  readonly largeObjects: number;
  /** 18 */
  readonly extensions: readonly ExtensionFacts[];
  /** 21 */
  readonly types: readonly TypeFacts[];
  /** 22 */
  readonly collations: CollationFacts;
  /** 23: the role that we are passes by row security on tables that it does not own. */
  readonly bypassesRowSecurity: boolean;
  /** 26 */
  readonly prepared: readonly { gid: string; database: string; owner: string; prepared: Date }[];
  readonly oldTransactions: readonly OldTransaction[];
}

const settingNames = [
  "wal_level",
  "archive_mode",
  "archive_timeout",
  "wal_segment_size",
  "server_encoding",
  "idle_in_transaction_session_timeout",
];

/** Reads all facts; reads only. `oldAfterMs`: from what age on a transaction counts as old, 60 s unless told. */
export async function readPreflightFacts(source: Database, oldAfterMs = 60_000): Promise<PreflightFacts> {
  // one transaction: the facts belong together
  return source.transaction(
    async (db) => {
      await db.query("set transaction read only");
      const [row] = await db.query<{ block: number; sums: boolean; bytes: string; others: string[]; bypass: boolean }>(`
      select current_setting('block_size')::int as block, current_setting('data_checksums') = 'on' as sums,
        pg_database_size(current_database()) as bytes,
        coalesce((select array_agg(datname::text order by datname) from pg_database
          where not datistemplate and datallowconn and datname not in (current_database(), 'postgres')), '{}') as others,
        (select rolbypassrls or rolsuper from pg_roles where rolname = current_user) as bypass`);
      const values = await namedSettings(db, [...settingNames, ...standbyLimits]);
      return {
        identity: await databaseIdentity(db),
        blockSize: row?.block ?? 8192,
        dataChecksums: row?.sums ?? false,
        databaseBytes: BigInt(row?.bytes ?? 0),
        otherDatabases: row?.others ?? [],
        limits: Object.fromEntries(standbyLimits.map((name) => [name, Number(values[name])])),
        settings: Object.fromEntries(settingNames.map((name) => [name, values[name] ?? ""])),
        tables: await userTables(db),
        special: await specialObjects(db),
        largeObjects: await largeObjectCount(db),
        extensions: await extensions(db),
        types: await userTypes(db),
        collations: await collations(db),
        bypassesRowSecurity: row?.bypass ?? false,
        prepared: await preparedTransactions(db),
        oldTransactions: await oldTransactions(db, oldAfterMs),
      };
    },
    { isolation: "repeatable read", statementTimeoutMs: 60_000 },
  );
}

async function namedSettings(db: Queryable, names: readonly string[]): Promise<Record<string, string>> {
  const rows = await db.query<{ name: string; value: string | null }>(
    "select wanted.name, current_setting(wanted.name, true) as value from unnest($1::text[]) as wanted(name)",
    [names],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value ?? ""]));
}

/** Client transactions of this database that are older than `olderThanMs`, the oldest first; ours are left out. */
export async function oldTransactions(db: Queryable, olderThanMs: number): Promise<OldTransaction[]> {
  return db.query<OldTransaction>(
    `select pid, usename as user, application_name as "applicationName", state,
       (extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as "ageMs"
     from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
       and xact_start < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
     order by xact_start`,
    [olderThanMs],
  );
}

/** User-defined enums, domains, composites, ranges and base types, each with a text of its definition; for comparing two databases. */
export async function userTypes(db: Queryable): Promise<TypeFacts[]> {
  return db.query<TypeFacts>(`
    select quote_ident(n.nspname) || '.' || quote_ident(t.typname) as name,
      case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' when 'r' then 'range' else 'base' end as kind,
      coalesce(case t.typtype
        when 'e' then (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)
        when 'd' then format_type(t.typbasetype, t.typtypmod) || case when t.typnotnull then ' not null' else '' end
          || coalesce((select string_agg(' ' || pg_get_constraintdef(k.oid), '' order by k.conname)
            from pg_constraint k where k.contypid = t.oid and k.contype = 'c'), '')
        when 'c' then (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
          from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
        when 'r' then (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid)
        else t.typinput::text end, '') as definition
    from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where t.typtype in ('e', 'd', 'c', 'r', 'b') and (t.typrelid = 0 or c.relkind = 'c')
      and not (t.typcategory = 'A' and t.typelem <> 0) and ${inUserSchema} and ${notOfExtension("pg_type", "t.oid")}
    order by 1`);
}
