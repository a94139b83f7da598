import { DrawbridgeError } from "../errors.ts";
import type { BridgeCollation } from "../journal/agent-rows.ts";
import type { Queryable } from "../postgres/connect.ts";

/** From 15 on each database knows the version of the library that it was made with. */
const ofDatabase = `
  select 'database ' || quote_ident(datname) as what, datcollversion as recorded,
         pg_database_collation_actual_version(oid) as actual
    from pg_database where datname = current_database()`;

/**
 * Before that initdb noted it only for the named collations, of which one is the database's own. It took their names from
 * `locale -a`, which says `en_US.utf8` where the database was made with `en_US.UTF-8`.
 */
const ofDatabaseLocale = `
  select 'database ' || quote_ident(d.datname) as what, l.collversion as recorded,
         pg_collation_actual_version(l.oid) as actual
    from pg_database d join pg_collation l on l.collprovider = 'c' and lower(replace(l.collcollate, '-', '')) = lower(replace(d.datcollate, '-', ''))
   where d.datname = current_database() and l.collversion is not null`;

/** Collations that columns or indexes of the application use. */
const ofColumns = `
  select 'collation ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname) as what, l.collversion as recorded,
         pg_collation_actual_version(l.oid) as actual
    from pg_collation l join pg_namespace n on n.oid = l.collnamespace
   where l.collversion is not null
     and exists (select from pg_attribute a where a.attcollation = l.oid and a.attrelid >= 16384 and not a.attisdropped)`;

/**
 * What of the session's database was sorted by another version of a collation library than this host has: its indexes on
 * text may give wrong rows here, and let duplicates in. Works on a standby. From 15 on the database's own default is told
 * for every provider, on 14 for the C library's locales only.
 */
export async function differingCollations(session: Queryable): Promise<BridgeCollation[]> {
  const [server] = await session.query<{ major: number }>(
    "select current_setting('server_version_num')::int / 10000 as major",
  );
  if (!server) throw new DrawbridgeError("DB_UNEXPECTED", "PostgreSQL did not say its version");
  const whole = server.major >= 15 ? ofDatabase : ofDatabaseLocale;
  return session.query<BridgeCollation>(
    `select distinct what, recorded, coalesce(actual, 'none') as actual
       from (${whole} union all ${ofColumns}) c
      where recorded is not null and recorded is distinct from actual order by what`,
  );
}
