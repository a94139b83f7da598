import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** A measurement: lag, progress, health. */
export interface Sample {
  readonly migrationId: string;
  readonly kind: string;
  readonly at: Date;
  readonly facts: JsonObject;
}

interface Row {
  migration_id: string;
  kind: string;
  at: Date;
  facts: JsonObject;
}

function fromRow(row: Row): Sample {
  return { migrationId: row.migration_id, kind: row.kind, at: row.at, facts: row.facts };
}

/** Stores a measurement; its time is the journal's. */
export async function addSample(db: Queryable, migrationId: string, kind: string, facts: JsonObject): Promise<void> {
  await db.query("insert into journal.sample (migration_id, kind, facts) values ($1, $2, $3)", [
    migrationId,
    kind,
    encodeJson(facts),
  ]);
}

/** The newest measurement of a kind. */
export async function latestSample(db: Queryable, migrationId: string, kind: string): Promise<Sample | undefined> {
  const [row] = await db.query<Row>(
    `select migration_id, kind, at, facts from journal.sample
     where migration_id = $1 and kind = $2 order by at desc, id desc limit 1`,
    [migrationId, kind],
  );
  return row && fromRow(row);
}

/** Measurements of a kind since a moment, oldest first; the newest `limit` of them. */
export async function sampleSeries(
  db: Queryable,
  migrationId: string,
  kind: string,
  since: Date,
  limit = 5_000,
): Promise<Sample[]> {
  const rows = await db.query<Row>(
    `select migration_id, kind, at, facts from journal.sample
     where migration_id = $1 and kind = $2 and at >= $3 order by at desc, id desc limit $4`,
    [migrationId, kind, since, limit],
  );
  return rows.map(fromRow).reverse();
}

/** Deletes measurements that are older than `olderThanMs`. @returns how many. */
export async function pruneSamples(db: Queryable, olderThanMs: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `with gone as (delete from journal.sample
       where at < clock_timestamp() - $1::double precision * interval '1 millisecond' returning id)
     select count(*)::integer as count from gone`,
    [olderThanMs],
  );
  return row?.count ?? 0;
}
