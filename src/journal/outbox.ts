import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** Who reads a message: the channel, the card's thread, the comms channel, or one person. */
export type Audience = "main" | "thread" | "comms" | "person";

/** A message that should exist: what it is about, never its blocks. The bot renders and sends it. */
export interface OutboxIntent {
  readonly kind: string;
  readonly migrationId: string;
  /** One message per kind, migration and key; a second intent edits the first. */
  readonly key: string;
  readonly audience: Audience;
  /** Slack user, where the audience is a person. */
  readonly person?: string;
  readonly facts?: JsonObject;
  /** Lower goes first; 5 unless told. Approvals and windows: 1 or 2. */
  readonly priority?: number;
}

/** An intent as the sender sees it. */
export interface OutboxRow {
  readonly id: number;
  readonly kind: string;
  readonly migrationId: string;
  readonly key: string;
  readonly audience: Audience;
  readonly person: string | undefined;
  readonly priority: number;
  readonly facts: JsonObject;
  readonly revision: number;
  readonly sentRevision: number;
  readonly state: "pending" | "sent" | "dead";
  readonly channel: string | undefined;
  readonly messageTs: string | undefined;
  /** Slack timestamp of the last message that stood for this row before; it and older ones are not the row's any more. */
  readonly leftTs: string | undefined;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly sentAt: Date | undefined;
}

interface Row {
  id: string;
  kind: string;
  migration_id: string;
  key: string;
  audience: Audience;
  person: string | null;
  priority: number;
  facts: JsonObject;
  revision: number;
  sent_revision: number;
  state: "pending" | "sent" | "dead";
  channel: string | null;
  message_ts: string | null;
  left_ts: string | null;
  attempts: number;
  created_at: Date;
  sent_at: Date | null;
}

const columns = `id, kind, migration_id, key, audience, person, priority, facts, revision, sent_revision, state, channel,
  message_ts, left_ts, attempts, created_at, sent_at`;

function fromRow(row: Row): OutboxRow {
  return {
    id: Number(row.id),
    kind: row.kind,
    migrationId: row.migration_id,
    key: row.key,
    audience: row.audience,
    person: row.person ?? undefined,
    priority: row.priority,
    facts: row.facts,
    revision: row.revision,
    sentRevision: row.sent_revision,
    state: row.state,
    channel: row.channel ?? undefined,
    messageTs: row.message_ts ?? undefined,
    leftTs: row.left_ts ?? undefined,
    attempts: row.attempts,
    createdAt: row.created_at,
    sentAt: row.sent_at ?? undefined,
  };
}

/** Makes sure that the message will exist with these facts. Raises its revision when they changed; else does nothing. */
export async function intend(db: Queryable, intent: OutboxIntent): Promise<number> {
  const params = [
    intent.kind,
    intent.migrationId,
    intent.key,
    intent.audience,
    intent.person,
    intent.priority ?? 5,
    encodeJson(intent.facts ?? {}),
  ];
  const [row] = await db.query<{ id: string }>(
    `with put as (
       insert into journal.outbox as o (kind, migration_id, key, audience, person, priority, facts)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (kind, migration_id, key) do update set facts = excluded.facts, priority = excluded.priority,
         revision = o.revision + 1, state = 'pending', attempts = 0, due_at = clock_timestamp(), error = null
       where o.facts <> excluded.facts returning id)
     select id from put
     union all select id from journal.outbox where kind = $1 and migration_id = $2 and key = $3 limit 1`,
    params,
  );
  return Number(row?.id);
}

/** Asks for the message to be rendered anew although its facts are the same: what it shows stands elsewhere. */
export async function touchOutbox(db: Queryable, kind: string, migrationId: string, key: string): Promise<void> {
  await db.query(
    `update journal.outbox set revision = revision + 1, state = 'pending', attempts = 0, due_at = clock_timestamp()
     where kind = $1 and migration_id = $2 and key = $3 and state <> 'dead'`,
    [kind, migrationId, key],
  );
}

/**
 * Messages that should be sent or edited now, the most urgent first. Of each kind only the first few: a thousand answers that
 * wait for their turn must not hide a card.
 */
export async function dueOutbox(db: Queryable, limit = 50, mostOfAKind = 10): Promise<OutboxRow[]> {
  const rows = await db.query<Row>(
    `select ${columns} from (
       select *, row_number() over (partition by kind order by priority, due_at, id) as place
       from journal.outbox where state = 'pending' and due_at <= clock_timestamp()) due
     where place <= $2 order by priority, due_at, id limit $1`,
    [limit, mostOfAKind],
  );
  return rows.map(fromRow);
}

/** One message, however far it came. */
export async function getOutbox(
  db: Queryable,
  kind: string,
  migrationId: string,
  key: string,
): Promise<OutboxRow | undefined> {
  const [row] = await db.query<Row>(
    `select ${columns} from journal.outbox where kind = $1 and migration_id = $2 and key = $3`,
    [kind, migrationId, key],
  );
  return row && fromRow(row);
}

/** The youngest message of a kind. */
export async function lastOutbox(db: Queryable, kind: string, migrationId: string): Promise<OutboxRow | undefined> {
  const [row] = await db.query<Row>(
    `select ${columns} from journal.outbox where kind = $1 and migration_id = $2 order by id desc limit 1`,
    [kind, migrationId],
  );
  return row && fromRow(row);
}

/** Whether the message reached Slack with its present facts. */
export async function isSent(
  db: Queryable,
  message: Pick<OutboxIntent, "kind" | "migrationId" | "key">,
): Promise<boolean> {
  return (await getOutbox(db, message.kind, message.migrationId, message.key))?.state === "sent";
}

/** Sent as of `revision`; stays pending when a newer one was intended meanwhile. */
export async function markSent(
  db: Queryable,
  id: number,
  sent: { readonly revision: number; readonly channel: string; readonly messageTs: string },
): Promise<void> {
  await db.query(
    `update journal.outbox set sent_revision = greatest(sent_revision, $2), channel = $3, message_ts = $4,
       state = case when revision <= $2 then 'sent' else 'pending' end, attempts = 0, sent_at = clock_timestamp(), error = null
     where id = $1`,
    [id, sent.revision, sent.channel, sent.messageTs],
  );
}

/** Not sent; again after a while. `error` must be redacted. */
export async function retryLater(db: Queryable, id: number, afterMs: number, error: string): Promise<void> {
  await db.query(
    `update journal.outbox set attempts = attempts + 1, error = $3,
       due_at = clock_timestamp() + $2::double precision * interval '1 millisecond' where id = $1`,
    [id, afterMs, error],
  );
}

/** As {@link retryLater}, where nothing was tried, or nothing was wrong with the message: no attempt is counted. */
export async function postpone(db: Queryable, id: number, afterMs: number, error: string): Promise<void> {
  await db.query(
    `update journal.outbox set error = $3,
       due_at = clock_timestamp() + $2::double precision * interval '1 millisecond' where id = $1`,
    [id, afterMs, error],
  );
}

/**
 * Somebody deleted the message, or nobody may edit it any more: it is posted anew. `messageTs` is the one that is given up, and
 * remembered, so that no later search takes it for the new one; another one is left alone.
 */
export async function postAnew(db: Queryable, id: number, messageTs: string): Promise<void> {
  await db.query(
    `update journal.outbox set channel = null, message_ts = null, left_ts = message_ts, sent_revision = 0, revision = revision + 1,
       state = 'pending', attempts = 0, due_at = clock_timestamp(), error = null
     where id = $1 and message_ts = $2`,
    [id, messageTs],
  );
}

/** Will never be sent: the message is gone, or Slack refuses every form of it. */
export async function markDead(db: Queryable, id: number, error: string): Promise<void> {
  await db.query("update journal.outbox set state = 'dead', error = $2 where id = $1", [id, error]);
}

/** The row whose message stands at this place. */
export async function outboxByMessage(
  db: Queryable,
  channel: string,
  messageTs: string,
): Promise<OutboxRow | undefined> {
  const [row] = await db.query<Row>(
    `select ${columns} from journal.outbox where channel = $1 and message_ts = $2 and state <> 'dead' limit 1`,
    [channel, messageTs],
  );
  return row && fromRow(row);
}
