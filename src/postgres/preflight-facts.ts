import { setting } from "./catalog.ts";
import type { Database, Queryable } from "./connect.ts";
import { type PathFacts, pathFacts } from "./path-functions.ts";
import { type PreflightFacts, readPreflightFacts } from "./preflight.ts";
import { inUserSchema, notOfExtension } from "./tables.ts";

/** What the logged-in role may do. */
export interface RoleRights {
  readonly monitor: boolean;
  readonly signalBackend: boolean;
}

/** `pg_stat_archiver`: what the server itself says of its archiving. Ages in milliseconds by the server's clock. */
export interface ArchiverFacts {
  readonly archiveMode: string;
  readonly lastArchived: string | undefined;
  readonly lastArchivedAgeMs: number | undefined;
  readonly lastFailed: string | undefined;
  readonly lastFailedAgeMs: number | undefined;
}

/** What is in schema `drawbridge`, if there is one. */
export interface MarkerSchemaFacts {
  readonly owner: string;
  readonly ownedByUs: boolean;
  /** Relations in it other than our marker table. */
  readonly strangers: readonly string[];
}

/** A CHECK that was never proven for the rows that were there: `table`, or `domain` type. */
export interface UnprovenCheck {
  readonly on: "table" | "domain";
  readonly owner: string;
  readonly name: string;
}

/** Everything that preflight wants to know of the source: the server's facts, and what decides on this migration. */
export interface SourceFacts extends PreflightFacts {
  readonly rights: RoleRights;
  /** Those of `limits` that will change at the server's next restart. */
  readonly pendingLimits: readonly string[];
  readonly archiver: ArchiverFacts;
  /** Columns `generated always as (…) stored`, as `schema.table.column`. */
  readonly generatedColumns: readonly string[];
  /** Objects that only a superuser can create, as `kind name`: they cannot be made on RDS. */
  readonly superuserObjects: readonly string[];
  readonly unprovenChecks: readonly UnprovenCheck[];
  readonly path: PathFacts;
  readonly markerSchema: MarkerSchemaFacts | undefined;
}

/** Reads the source. Takes no lock that anybody could notice and writes nothing: the server itself would refuse. */
export async function sourceFacts(source: Database): Promise<SourceFacts> {
  const facts = await readPreflightFacts(source, 10_000);
  return source.transaction(
    async (db) => {
      await db.query("set transaction read only");
      return {
        ...facts,
        rights: await roleRights(db),
        pendingLimits: await pendingLimits(db, Object.keys(facts.limits)),
        archiver: await archiverFacts(db),
        generatedColumns: await generatedColumns(db),
        superuserObjects: await superuserObjects(db),
        unprovenChecks: await unprovenChecks(db),
        path: await pathFacts(db),
        markerSchema: await markerSchema(db),
      };
    },
    { statementTimeoutMs: 60_000 },
  );
}

async function roleRights(db: Queryable): Promise<RoleRights> {
  const [row] = await db.query<RoleRights>(
    `select pg_has_role(current_user, 'pg_monitor', 'usage') as monitor,
       pg_has_role(current_user, 'pg_signal_backend', 'usage') as "signalBackend"`,
  );
  return row ?? { monitor: false, signalBackend: false };
}

async function pendingLimits(db: Queryable, limits: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    "select name from pg_settings where pending_restart and name = any ($1) order by 1",
    [limits],
  );
  return rows.map(({ name }) => name);
}

async function archiverFacts(db: Queryable): Promise<ArchiverFacts> {
  const [row] = await db.query<{
    good: string | null;
    goodMs: number | null;
    bad: string | null;
    badMs: number | null;
  }>(
    `select last_archived_wal as good, (extract(epoch from now() - last_archived_time) * 1000)::float8 as "goodMs",
       last_failed_wal as bad, (extract(epoch from now() - last_failed_time) * 1000)::float8 as "badMs"
     from pg_stat_archiver`,
  );
  return {
    archiveMode: (await setting(db, "archive_mode")) ?? "off",
    lastArchived: row?.good ?? undefined,
    lastArchivedAgeMs: row?.goodMs ?? undefined,
    lastFailed: row?.bad ?? undefined,
    lastFailedAgeMs: row?.badMs ?? undefined,
  };
}

async function generatedColumns(db: Queryable): Promise<string[]> {
  return names(
    db,
    `select n.nspname || '.' || c.relname || '.' || a.attname as name
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where a.attgenerated <> '' and not a.attisdropped and c.relkind in ('r', 'p') and ${inUserSchema}
       and ${notOfExtension("pg_class", "c.oid")} order by 1`,
  );
}

// What CREATE demands a superuser for; languages that are not trusted count as C does.
async function superuserObjects(db: Queryable): Promise<string[]> {
  return names(
    db,
    `select 'type ' || n.nspname || '.' || t.typname as name from pg_type t join pg_namespace n on n.oid = t.typnamespace
       where t.typtype = 'b' and t.typelem = 0 and ${inUserSchema} and ${notOfExtension("pg_type", "t.oid")}
     union all
     select 'function ' || n.nspname || '.' || p.proname || ' (' || l.lanname || ')'
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
       where not l.lanpltrusted and l.lanname <> 'sql' and p.prokind <> 'a' and ${inUserSchema}
         and ${notOfExtension("pg_proc", "p.oid")}
         -- the constructors of a range type come and go with it
         and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')
     union all
     select 'operator class ' || n.nspname || '.' || o.opcname from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace
       where ${inUserSchema} and ${notOfExtension("pg_opclass", "o.oid")}
     union all
     select 'text search parser ' || n.nspname || '.' || s.prsname from pg_ts_parser s join pg_namespace n on n.oid = s.prsnamespace
       where ${inUserSchema} and ${notOfExtension("pg_ts_parser", "s.oid")}
     union all
     select 'text search template ' || n.nspname || '.' || s.tmplname from pg_ts_template s
       join pg_namespace n on n.oid = s.tmplnamespace where ${inUserSchema} and ${notOfExtension("pg_ts_template", "s.oid")}
     order by 1`,
  );
}

async function unprovenChecks(db: Queryable): Promise<UnprovenCheck[]> {
  return db.query<UnprovenCheck>(
    `select case when k.contypid = 0 then 'table' else 'domain' end as on,
       n.nspname || '.' || coalesce(c.relname, t.typname) as owner, k.conname as name
     from pg_constraint k join pg_namespace n on n.oid = k.connamespace
     left join pg_class c on c.oid = k.conrelid left join pg_type t on t.oid = k.contypid
     where k.contype = 'c' and not k.convalidated and ${inUserSchema} order by 2, 3`,
  );
}

async function markerSchema(db: Queryable): Promise<MarkerSchemaFacts | undefined> {
  const [row] = await db.query<MarkerSchemaFacts>(
    `select pg_get_userbyid(n.nspowner) as owner, pg_has_role(current_user, n.nspowner, 'usage') as "ownedByUs",
       coalesce((select array_agg(c.relname::text order by c.relname) from pg_class c
         where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relname <> 'marker'), '{}') as strangers
     from pg_namespace n where n.nspname = 'drawbridge'`,
  );
  return row;
}

async function names(db: Queryable, sql: string): Promise<string[]> {
  return (await db.query<{ name: string }>(sql)).map(({ name }) => name);
}
