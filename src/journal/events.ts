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
  const rows = await db.query<EventRow>(
    `select id, migration_id, at, kind, actor, facts from journal.event
     where migration_id = $1 and id > $2 and ($3::text[] is null or kind = any ($3)) order by id limit $4`,
    [migrationId, options.afterId ?? 0n, options.kinds && [...options.kinds], options.limit ?? 10_000],
  );
  return rows.map(fromRow);
}

/** The newest `most` events of a migration, oldest first. */
export async function lastEvents(db: Queryable, migrationId: string, most: number): Promise<JournalEvent[]> {
  const rows = await db.query<EventRow>(
    `select id, migration_id, at, kind, actor, facts from journal.event
     where migration_id = $1 order by id desc limit $2`,
    [migrationId, most],
  );
  return rows.map(fromRow).toReversed();
}

interface EventRow {
  readonly id: string;
  readonly migration_id: string | null;
  readonly at: Date;
  readonly kind: string;
  readonly actor: string;
  readonly facts: JsonObject;
}

function fromRow({ id, migration_id, ...row }: EventRow): JournalEvent {
  return { ...row, id: BigInt(id), migrationId: migration_id ?? undefined };
}

/** How far the log goes, and the hash that it ends with; the hash of an empty log is 64 zeros. */
export interface EventHead {
  readonly id: bigint;
  readonly hash: string;
}

const headForm = /^(\d{1,18}):([0-9a-f]{64})$/;

/** `214:9f2c…`, as it stands in reports and in Slack. */
export function formatHead({ id, hash }: EventHead): string {
  return `${id}:${hash}`;
}

/** Reads what {@link formatHead} wrote; `undefined` for anything else. */
export function parseHead(text: string): EventHead | undefined {
  const [, id, hash] = headForm.exec(text.trim().toLowerCase()) ?? [];
  return id === undefined || hash === undefined ? undefined : { id: BigInt(id), hash };
}

/** The log's end as the journal notes it. */
export async function eventHead(db: Queryable): Promise<EventHead> {
  const [row] = await db.query<{ id: string; hash: string }>("select id, hash from journal.event_head");
  return { id: BigInt(row?.id ?? 0), hash: row?.hash ?? "" };
}

/** What a look at the whole log found. */
export interface ChainCheck {
  /** Where the log ends now. */
  readonly head: EventHead;
  /** The first thing that does not fit, in words; `undefined`: nothing was found. */
  readonly fault: string | undefined;
}

/**
 * Recomputes the whole chain, and compares it with the end that the journal notes beside it and with ends that were kept
 * elsewhere (`noted`). Alone the journal shows any change, loss, insertion or new order of rows; whoever may write every table
 * can make a new log with a new end, which only an end that was kept elsewhere gives away.
 */
export async function verifyChain(db: Queryable, noted: readonly EventHead[] = []): Promise<ChainCheck> {
  // one statement sees one moment: events go on being written meanwhile
  const [row] = await db.query<ChainRow>(
    `with chain as (
       select id, hash, prev_hash <> before as unchained, id - previous as step,
         hash <> journal.event_hash(before, id, migration_id, at, kind, actor, facts) as altered
       from (select *, lag(hash, 1, repeat('0', 64)) over (order by id) as before,
               lag(id, 1, 0::bigint) over (order by id) as previous from journal.event) e)
     select last.id as "lastId", last.hash as "lastHash", h.id as "headId", h.hash as "headHash", bad.id as "badId",
       bad.step as "badStep", (select to_jsonb(array_agg(array[n.id::text, c.hash]))
         from unnest($1::bigint[]) n(id) left join chain c on c.id = n.id) as found
     from (select 1) one
     left join journal.event_head h on true
     left join lateral (select id, hash from chain order by id desc limit 1) last on true
     left join lateral (select id, step from chain where unchained or altered or step <> 1 order by id limit 1) bad on true`,
    [noted.map(({ id }) => id)],
  );
  const head = { id: BigInt(row?.lastId ?? 0), hash: row?.lastHash ?? "0".repeat(64) };
  return { head, fault: row === undefined ? "nothing could be read" : chainFault(row, head, noted) };
}

interface ChainRow {
  readonly lastId: string | null;
  readonly lastHash: string | null;
  readonly headId: string | null;
  readonly headHash: string | null;
  readonly badId: string | null;
  readonly badStep: string | null;
  readonly found: readonly (readonly [id: string, hash: string | null])[] | null;
}

function chainFault(row: ChainRow, head: EventHead, noted: readonly EventHead[]): string | undefined {
  if (row.badId !== null) {
    return row.badStep === "1"
      ? `event ${row.badId} does not fit what stands before it: it was altered, or others were moved`
      : `before event ${row.badId} there are others missing`;
  }
  if (row.headId === null) return "the note of the log's end is gone";
  if (BigInt(row.headId) > head.id) return `events ${head.id + 1n} to ${row.headId} were cut off at the end`;
  if (row.headId !== String(head.id) || row.headHash !== head.hash) {
    return `the log ends with event ${head.id}, but not as the journal noted it: events were added or rewritten`;
  }
  const hashes = new Map(row.found ?? []);
  const unlike = noted.find(({ id, hash }) => id > 0n && hashes.get(String(id)) !== hash);
  if (unlike === undefined) return undefined;
  return unlike.id > head.id
    ? `events ${head.id + 1n} to ${unlike.id} were there when ${unlike.id}:${unlike.hash.slice(0, 8)}… was noted and are gone`
    : `event ${unlike.id} is not the one that was noted as ${unlike.id}:${unlike.hash.slice(0, 8)}…: the log was rewritten`;
}
