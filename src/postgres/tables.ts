import type { Queryable } from "./connect.ts";
import type { TableName } from "./identifier.ts";

/** What a table is: a plain one, the root or an inner node of a partition tree, a leaf of one, or foreign. */
export type TableKind = "table" | "partitioned" | "partition" | "foreign";

/** One user table, as its catalogue rows describe it. */
export interface TableFacts extends TableName {
  readonly oid: number;
  readonly kind: TableKind;
  readonly owner: string;
  readonly persistence: "permanent" | "unlogged";
  readonly replicaIdentity: "default" | "nothing" | "full" | "index";
  readonly hasPrimaryKey: boolean;
  /** Whether UPDATE and DELETE can be published as the table stands. */
  readonly identityUsable: boolean;
  /** The first unique index that could serve as replica identity: valid, immediate, not partial, all columns NOT NULL. */
  readonly usableUniqueIndex: string | undefined;
  /** Columns whose type has no equality (json, xml, point …): with identity FULL the subscriber cannot find rows by them. */
  readonly columnsWithoutEquality: readonly string[];
  /** The planner's estimate; -1 when the table was never analysed. */
  readonly estimatedRows: number;
  /** With TOAST and indexes. */
  readonly totalBytes: bigint;
  /** Updates and deletes since the statistics began: the price of identity FULL. */
  readonly updates: bigint;
  readonly deletes: bigint;
  readonly rowSecurity: boolean;
  readonly forcedRowSecurity: boolean;
  /** Whether the present role may take an EXCLUSIVE lock on it. */
  readonly lockable: boolean;
}

/** Schemas that are never migrated: ours, Heroku's own, PostgreSQL's. */
export const ownSchemas: readonly string[] = ["drawbridge", "heroku_ext", "_heroku", "information_schema"];

/** An SQL condition on the alias `n` of `pg_namespace`: a schema of the user's. */
export const inUserSchema = `n.nspname !~ '^pg_' and n.nspname <> all (array['${ownSchemas.join("','")}'])`;

/** An SQL condition: the object is no member of an extension. */
export function notOfExtension(catalogue: string, oid: string): string {
  return `not exists (select from pg_depend x where x.classid = '${catalogue}'::regclass and x.objid = ${oid} and x.deptype = 'e')`;
}

// An index that can be a replica identity: see "REPLICA IDENTITY" under ALTER TABLE in PostgreSQL's manual.
const identityIndexes = `
  select i.indrelid, i.indisprimary, i.indisreplident, ic.relname as index_name, ic.oid as index_oid
  from pg_index i join pg_class ic on ic.oid = i.indexrelid
  where i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
    and not exists (
      select from unnest(i.indkey::int2[]) with ordinality k(attnum, place)
      join pg_attribute ka on ka.attrelid = i.indrelid and ka.attnum = k.attnum
      where k.place <= i.indnkeyatts and not ka.attnotnull)`;

// A type has equality when it, or what it is implicitly and binary coercible to, has a default btree or hash operator class.
// Domains count as their base type, arrays as their elements; composites are left to the server.
const columnsWithoutEquality = `
  select a.attrelid, array_agg(a.attname::text order by a.attnum) as columns
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  left join pg_type d on d.oid = t.typbasetype
  join pg_type b on b.oid = case when coalesce(d.typcategory, t.typcategory) = 'A' then coalesce(d.typelem, t.typelem) else coalesce(d.oid, t.oid) end
  where a.attnum > 0 and not a.attisdropped and b.typtype = 'b'
    and not exists (
      select from pg_opclass o join pg_am m on m.oid = o.opcmethod
      where m.amname in ('btree', 'hash') and o.opcdefault
        and (o.opcintype = b.oid
          or exists (select from pg_cast c where c.castsource = b.oid and c.casttarget = o.opcintype and c.castmethod = 'b' and c.castcontext = 'i')))
  group by a.attrelid`;

const sql = `
  with identity as materialized (${identityIndexes}), unequal as materialized (${columnsWithoutEquality})
  select c.oid::int8::text as oid, n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner,
    case when c.relkind = 'p' then 'partitioned' when c.relkind = 'f' then 'foreign'
         when c.relispartition then 'partition' else 'table' end as kind,
    case c.relpersistence when 'u' then 'unlogged' else 'permanent' end as persistence,
    case c.relreplident when 'd' then 'default' when 'n' then 'nothing' when 'f' then 'full' else 'index' end as replica_identity,
    exists (select from pg_index p where p.indrelid = c.oid and p.indisprimary) as has_primary_key,
    case c.relreplident when 'f' then true when 'n' then false
      when 'd' then exists (select from identity i where i.indrelid = c.oid and i.indisprimary)
      else exists (select from identity i where i.indrelid = c.oid and i.indisreplident) end as identity_usable,
    (select i.index_name from identity i where i.indrelid = c.oid order by not i.indisprimary, i.index_oid limit 1) as usable_unique_index,
    (select u.columns from unequal u where u.attrelid = c.oid) as columns_without_equality,
    c.reltuples as estimated_rows, pg_total_relation_size(c.oid) as total_bytes,
    coalesce(s.n_tup_upd, 0) as updates, coalesce(s.n_tup_del, 0) as deletes,
    c.relrowsecurity as row_security, c.relforcerowsecurity as forced_row_security,
    has_table_privilege(c.oid, 'update,delete,truncate') as lockable
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_user_tables s on s.relid = c.oid
  where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")}
  order by n.nspname, c.relname`;

interface Row {
  oid: string;
  schema: string;
  name: string;
  owner: string;
  kind: TableKind;
  persistence: "permanent" | "unlogged";
  replica_identity: TableFacts["replicaIdentity"];
  has_primary_key: boolean;
  identity_usable: boolean;
  usable_unique_index: string | null;
  columns_without_equality: string[] | null;
  estimated_rows: number;
  total_bytes: string;
  updates: string;
  deletes: string;
  row_security: boolean;
  forced_row_security: boolean;
  lockable: boolean;
}

/**
 * All user tables of the database, sorted by name: without PostgreSQL's, Heroku's and our own schemas, temporary tables
 * and members of extensions.
 */
export async function userTables(db: Queryable): Promise<TableFacts[]> {
  const rows = await db.query<Row>(sql);
  return rows.map((row) => ({
    oid: Number(row.oid),
    schema: row.schema,
    name: row.name,
    kind: row.kind,
    owner: row.owner,
    persistence: row.persistence,
    replicaIdentity: row.replica_identity,
    hasPrimaryKey: row.has_primary_key,
    identityUsable: row.identity_usable,
    usableUniqueIndex: row.usable_unique_index ?? undefined,
    columnsWithoutEquality: row.columns_without_equality ?? [],
    estimatedRows: row.estimated_rows,
    totalBytes: BigInt(row.total_bytes),
    updates: BigInt(row.updates),
    deletes: BigInt(row.deletes),
    rowSecurity: row.row_security,
    forcedRowSecurity: row.forced_row_security,
    lockable: row.lockable,
  }));
}

/** The tables that hold rows which the WAL carries: what is published, copied and verified. */
export function tablesWithRows(tables: readonly TableFacts[]): TableFacts[] {
  return tables.filter(
    ({ kind, persistence }) => (kind === "table" || kind === "partition") && persistence === "permanent",
  );
}
