import type { Queryable } from "./connect.ts";
import { inUserSchema, notOfExtension } from "./tables.ts";

/** A function that the server calls by itself, for an index, a CHECK, a generated column or a materialized view. */
export interface PathFunction {
  /** `schema.name` */
  readonly name: string;
  readonly body: string;
  /** What calls it: `index orders_search`, `check orders.total_ok`. */
  readonly usedBy: readonly string[];
}

/** Functions without a search_path of their own, and the names that they could mean by it. */
export interface PathFacts {
  readonly functions: readonly PathFunction[];
  /** Names of functions, and of tables and views, outside pg_catalog. */
  readonly callable: readonly string[];
  readonly readable: readonly string[];
}

// Bodies that are parsed when the function is made (`return …`, `begin atomic`) are bound already and have no text.
const functions = `
  with used(func, by) as (
    select d.refobjid, 'index ' || c.relname from pg_depend d join pg_class c on c.oid = d.objid and c.relkind in ('i', 'I')
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_proc'::regclass
    union
    select d.refobjid, 'check ' || coalesce(c.relname, t.typname) || '.' || k.conname
      from pg_depend d join pg_constraint k on k.oid = d.objid and k.contype = 'c'
      left join pg_class c on c.oid = k.conrelid left join pg_type t on t.oid = k.contypid
      where d.classid = 'pg_constraint'::regclass and d.refclassid = 'pg_proc'::regclass
    union
    select d.refobjid, 'generated column ' || c.relname || '.' || a.attname
      from pg_depend d join pg_attrdef f on f.oid = d.objid join pg_class c on c.oid = f.adrelid
      join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum and a.attgenerated <> ''
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_proc'::regclass
    union
    select d.refobjid, 'materialized view ' || c.relname from pg_depend d join pg_rewrite r on r.oid = d.objid
      join pg_class c on c.oid = r.ev_class and c.relkind = 'm'
      where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_proc'::regclass)
  select n.nspname || '.' || p.proname as name, p.prosrc as body, array_agg(distinct u.by order by u.by) as "usedBy"
  from used u join pg_proc p on p.oid = u.func join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
  where l.lanname in ('sql', 'plpgsql') and p.prosrc <> '' and ${inUserSchema} and ${notOfExtension("pg_proc", "p.oid")}
    and not exists (select from unnest(p.proconfig) s where s like 'search_path=%')
  group by p.oid, n.nspname, p.proname, p.prosrc order by 1`;

/** Reads the functions and the names. Members of extensions count as names: `unaccent` is the usual one. */
export async function pathFacts(db: Queryable): Promise<PathFacts> {
  const found = await db.query<PathFunction>(functions);
  if (found.length === 0) return { functions: [], callable: [], readable: [] };
  const callable = await db.query<{ name: string }>(
    `select distinct p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
       and not exists (select from pg_proc b where b.pronamespace = 'pg_catalog'::regnamespace and b.proname = p.proname)`,
  );
  const readable = await db.query<{ name: string }>(
    `select distinct c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${inUserSchema}`,
  );
  return { functions: found, callable: callable.map(({ name }) => name), readable: readable.map(({ name }) => name) };
}
