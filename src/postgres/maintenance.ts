import type { Queryable } from "./connect.ts";
import { qualified, type TableName } from "./identifier.ts";
import { tablesWithRows, userTables } from "./tables.ts";

/** Collects statistics for every user table. Returns how many. */
export async function analyzeAll(db: Queryable, signal?: AbortSignal): Promise<number> {
  const tables = tablesWithRows(await userTables(db));
  for (const table of tables) {
    signal?.throwIfAborted();
    await db.query(`analyze ${qualified(table)}`);
  }
  return tables.length;
}

/** Fills every materialized view, in the order in which they depend on each other. Returns how many. */
export async function refreshMaterializedViews(db: Queryable, signal?: AbortSignal): Promise<number> {
  // Views are created after what they read from, so that oid order is dependency order in a freshly loaded schema.
  const views = await db.query<TableName>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' order by c.oid`,
  );
  for (const view of views) {
    signal?.throwIfAborted();
    await db.query(`refresh materialized view ${qualified(view)}`);
  }
  return views.length;
}
