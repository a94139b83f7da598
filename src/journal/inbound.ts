import { setTimeout as delay } from "node:timers/promises";
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
  /** Resolves when everything that was given is stored or refused. */
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

/** Commits begin no sooner after each other: under load that is far fewer of them. */
const commitEveryMs = 25;

/** Opens the store. What comes in while one commit is under way, or right after it, shares the next one. */
export function openInboundStore(db: Database): InboundStore {
  let waiting: Waiting[] = [];
  let flushing: Promise<void> | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const waitMs = begunAt + commitEveryMs - performance.now();
      if (waitMs > 0) await delay(waitMs);
      begunAt = performance.now();
      const batch = waiting.slice(0, mostAtOnce);
      waiting = waiting.slice(mostAtOnce);
      await storeBatch(db, batch);
    }
    flushing = undefined;
  };
  return {
    store: (delivery) =>
      new Promise((resolve, reject) => {
        waiting.push({ delivery, resolve, reject });
        flushing ??= flush();
      }),
    close: async () => {
      while (flushing !== undefined) await flushing;
    },
  };
}

/** Never rejects: whoever gave a delivery hears of it. */
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

/** Deletes what came in more than thirty days ago and no gate that is alive needs. @returns how many rows, at most 5,000 at a time. */
export async function forgetInbound(db: Queryable): Promise<number> {
  const [row] = await db.query<{ gone: number }>("select journal.forget_inbound() as gone");
  return row?.gone ?? 0;
}
