import type { Queryable } from "./connect.ts";
import { tablesWithRows, userTables } from "./tables.ts";

/** Bytes and rows that running COPY commands have handled so far, in this database (`pg_stat_progress_copy`, 14 and later). */
export async function copyProgress(db: Queryable): Promise<{ bytesDone: number; rowsDone: number }> {
  const [row] = await db.query<{ heap: number; rows: number }>(
    `select coalesce((select sum(pg_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'), 0)::float8 as heap,
      coalesce((select sum(p.tuples_processed) from pg_stat_progress_copy p where p.datname = current_database()), 0)::float8
        as rows`,
  );
  return { bytesDone: row?.heap ?? 0, rowsDone: row?.rows ?? 0 };
}

/** How much there is: tables with rows of their own, live rows as statistics know them, and bytes of heap. */
export async function copiedSize(db: Queryable): Promise<{ tables: number; rows: number; bytes: number }> {
  const tables = tablesWithRows(await userTables(db));
  const [row] = await db.query<{ rows: number; bytes: number }>(
    `select coalesce(sum(s.n_live_tup), 0)::float8 as rows, coalesce(sum(pg_relation_size(s.relid)), 0)::float8 as bytes
     from pg_stat_user_tables s where s.relid = any($1::oid[])`,
    [tables.map((table) => table.oid)],
  );
  return { tables: tables.length, rows: row?.rows ?? 0, bytes: row?.bytes ?? 0 };
}
