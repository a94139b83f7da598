import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** One line of the append-only, hash-chained log. */
export interface JournalEvent {
  readonly id: bigint;
  readonly migrationId: string | undefined;
  readonly at: Date;
  readonly kind: string;
  /** A person, or a process of ours. */
  readonly actor: string;
  readonly facts: JsonObject;
}

/** Appends an event. The log is one chain: other writers wait until the surrounding transaction ends, so call it late. */
export async function appendEvent(
  db: Queryable,
  event: { readonly migrationId?: string; readonly kind: string; readonly actor: string; readonly facts?: JsonObject },
): Promise<bigint> {
  const [row] = await db.query<{ id: string }>("select journal.append_event($1, $2, $3, $4) as id", [
    event.migrationId,
    event.kind,
    event.actor,
    encodeJson(event.facts ?? {}),
  ]);
  return BigInt(row?.id ?? 0);
}

/** Events of a migration after `afterId`, oldest first. */
export async function readEvents(
  db: Queryable,
  migrationId: string,
  options: { readonly afterId?: bigint; readonly kinds?: readonly string[]; readonly limit?: number } = {},
): Promise<JournalEvent[]> {
  const rows = await db.query<{
    id: string;
    migration_id: string | null;
    at: Date;
    kind: string;
    actor: string;
    facts: JsonObject;
  }>(
    `select id, migration_id, at, kind, actor, facts from journal.event
     where migration_id = $1 and id > $2 and ($3::text[] is null or kind = any ($3)) order by id limit $4`,
    [migrationId, options.afterId ?? 0n, options.kinds && [...options.kinds], options.limit ?? 10_000],
  );
  return rows.map((row) => ({
    id: BigInt(row.id),
    migrationId: row.migration_id ?? undefined,
    at: row.at,
    kind: row.kind,
    actor: row.actor,
    facts: row.facts,
  }));
}

/**
 * Recomputes the whole chain. @returns the id of the first event that was altered, or before which one is missing.
 * A chain that was cut at its end, or rewritten as a whole, needs a hash kept elsewhere to be found out.
 */
export async function verifyChain(db: Queryable): Promise<bigint | undefined> {
  const [row] = await db.query<{ id: string }>(
    `select id from (
       select id, migration_id, at, kind, actor, facts, prev_hash, hash,
         lag(hash, 1, repeat('0', 64)) over (order by id) as before, lag(id, 1, 0::bigint) over (order by id) as previous
       from journal.event) e
     where prev_hash <> before or id <> previous + 1
       or hash <> journal.event_hash(before, id, migration_id, at, kind, actor, facts)
     order by id limit 1`,
  );
  return row && BigInt(row.id);
}
