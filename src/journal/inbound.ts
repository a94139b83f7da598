import { DrawbridgeError } from "../errors.ts";
import type { Database, Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";

export type InboundKind = "event" | "command" | "interaction";

/** What Slack sent, as it is stored before Slack gets its 200. */
export interface Delivery {
  readonly dedupKey: string;
  readonly kind: InboundKind;
  readonly body: JsonObject;
}

/** Something Slack sent, as stored. */
export interface Inbound extends Delivery {
  readonly receivedAt: Date;
}

/** Stores a delivery. `seen`: the same one was stored before. */
export async function insertInbound(db: Queryable, inbound: Delivery): Promise<"new" | "seen"> {
  return (await insertAll(db, [inbound])).size > 0 ? "new" : "seen";
}

/** @returns the keys that were new. */
async function insertAll(db: Queryable, deliveries: readonly Delivery[]): Promise<Set<string>> {
  const rows = await db.query<{ dedup_key: string }>(
    `insert into journal.inbound (dedup_key, kind, body)
     select k, i, b::jsonb from unnest($1::text[], $2::text[], $3::text[]) as given (k, i, b)
     on conflict (dedup_key) do nothing returning dedup_key`,
    [
      deliveries.map(({ dedupKey }) => dedupKey),
      deliveries.map(({ kind }) => kind),
      deliveries.map(({ body }) => encodeJson(body)),
    ],
  );
  return new Set(rows.map((row) => row.dedup_key));
}

/** Stores deliveries of one process; under load many of them with one commit. */
export interface InboundStore {
  /** Resolves once the row is committed. `seen`: the same delivery was stored before. */
  store(delivery: Delivery): Promise<"new" | "seen">;
  /** Notes that a delivery was dealt with. Written soon, not at once: nothing depends on it. */
  handled(dedupKey: string): void;
  /** Writes what is still to be noted. */
  close(): Promise<void>;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: (is: "new" | "seen") => void;
  readonly reject: (error: unknown) => void;
}

/** Slack waits three seconds; what takes longer than this in the journal is refused, and Slack sends it again. */
const limits = { statementTimeoutMs: 2_000, lockTimeoutMs: 1_500 };
const mostAtOnce = 200;
const noteEveryMs = 250;

/** Opens the store. What comes in while one commit is under way shares the next one. */
export function openInboundStore(db: Database): InboundStore {
  let waiting: Waiting[] = [];
  let flushing = false;
  let handled: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = async (): Promise<void> => {
    flushing = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, mostAtOnce);
      waiting = waiting.slice(mostAtOnce);
      await storeBatch(db, batch);
    }
    flushing = false;
  };
  const note = async (): Promise<void> => {
    timer = undefined;
    const keys = handled;
    handled = [];
    // a note that is lost says only that somebody looks at the row once more
    if (keys.length > 0) await markHandled(db, keys).catch(() => undefined);
  };
  return {
    store: (delivery) =>
      new Promise((resolve, reject) => {
        waiting.push({ delivery, resolve, reject });
        if (!flushing) void flush();
      }),
    handled: (dedupKey) => {
      handled.push(dedupKey);
      timer ??= setTimeout(() => void note(), noteEveryMs);
    },
    close: async () => {
      clearTimeout(timer);
      await note();
    },
  };
}

async function storeBatch(db: Database, batch: readonly Waiting[]): Promise<void> {
  try {
    const isNew = await db.transaction(
      (tx) =>
        insertAll(
          tx,
          batch.map(({ delivery }) => delivery),
        ),
      limits,
    );
    for (const { delivery, resolve } of batch) {
      // of two that came together the first is the new one
      resolve(isNew.delete(delivery.dedupKey) ? "new" : "seen");
    }
  } catch (error) {
    const isAway = error instanceof DrawbridgeError && ["DB_CONNECTION", "DB_WAIT_TIMEOUT"].includes(error.code);
    if (batch.length === 1 || isAway) for (const { reject } of batch) reject(error);
    // one row that the journal does not take must not keep the others out
    else for (const one of batch) await storeBatch(db, [one]);
  }
}

/** Marks deliveries as dealt with. */
export async function markHandled(db: Queryable, dedupKeys: readonly string[]): Promise<void> {
  await db.query("update journal.inbound set handled_at = clock_timestamp() where dedup_key = any ($1)", [
    [...dedupKeys],
  ]);
}

/** Deliveries that were stored but not dealt with, for instance because the process died; oldest first. */
export async function unhandledInbound(db: Queryable, limit = 100): Promise<Inbound[]> {
  const rows = await db.query<{ dedup_key: string; kind: InboundKind; body: JsonObject; received_at: Date }>(
    `select dedup_key, kind, body, received_at from journal.inbound
     where handled_at is null order by received_at limit $1`,
    [limit],
  );
  return rows.map((row) => ({
    dedupKey: row.dedup_key,
    kind: row.kind,
    body: row.body,
    receivedAt: row.received_at,
  }));
}
