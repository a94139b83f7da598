import type { Queryable } from "./connect.ts";
import { inUserSchema, notOfExtension } from "./tables.ts";

// Names and types only, no definitions: those print differently from one major version to the next.
const sql = `
  select format('table %I.%I', n.nspname, c.relname) as object
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")}
  union all
  select format('column %I.%I.%I %s%s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then ' not null' else '' end)
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${inUserSchema}
    and ${notOfExtension("pg_class", "c.oid")}
  union all
  select format('%s %I.%I on %I (%s)', case when i.indisunique then 'unique index' else 'index' end, n.nspname, x.relname, c.relname,
    (select string_agg(coalesce(a.attname, '…'), ', ' order by k.place)
     from unnest(i.indkey::int2[]) with ordinality k(attnum, place)
     left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0))
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
    join pg_namespace n on n.oid = c.relnamespace
  where i.indisvalid and c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't' and ${inUserSchema}
    and ${notOfExtension("pg_class", "c.oid")}
  union all
  select format('%s constraint %I on %I.%I', case k.contype when 'c' then 'check' when 'f' then 'foreign key' when 'x' then 'exclusion'
    when 'u' then 'unique' else 'primary key' end, k.conname, n.nspname, c.relname)
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  where k.contype in ('c', 'f', 'x', 'u', 'p') and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")}
  union all
  select format('trigger %I on %I.%I', t.tgname, n.nspname, c.relname)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")}
  union all
  select format('%s %I.%I', case c.relkind when 'm' then 'materialized view' when 'S' then 'sequence' else 'view' end, n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm', 'S') and c.relpersistence <> 't' and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")}
  union all
  select format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where ${inUserSchema} and ${notOfExtension("pg_proc", "p.oid")}
  union all
  select format('type %I.%I', n.nspname, t.typname)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.typtype in ('e', 'd', 'r') and ${inUserSchema} and ${notOfExtension("pg_type", "t.oid")}
  union all
  select format('value %L of type %I.%I', e.enumlabel, n.nspname, t.typname)
  from pg_enum e join pg_type t on t.oid = e.enumtypid join pg_namespace n on n.oid = t.typnamespace
  where ${inUserSchema} and ${notOfExtension("pg_type", "t.oid")}`;

/**
 * What makes up the user's schema, one line an object, in words that are the same in PostgreSQL 14 to 18. Two databases
 * that hold the same rows may still differ here: logical replication carries no DDL, and nobody misses a unique index until
 * the duplicates are there.
 */
export async function schemaObjects(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ object: string }>(sql);
  return rows.map(({ object }) => object).toSorted();
}

/** What `wanted` has and `present` has not. */
export function missingObjects(wanted: readonly string[], present: readonly string[]): string[] {
  const there = new Set(present);
  return wanted.filter((object) => !there.has(object));
}
