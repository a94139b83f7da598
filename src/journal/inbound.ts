import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";

export type InboundKind = "event" | "command" | "interaction";

/** Something Slack sent, as stored before Slack got its 200. */
export interface Inbound {
  readonly dedupKey: string;
  readonly kind: InboundKind;
  readonly body: JsonObject;
  readonly receivedAt: Date;
}

/** Stores a delivery. `seen`: the same one was stored before. */
export async function insertInbound(
  db: Queryable,
  inbound: { readonly dedupKey: string; readonly kind: InboundKind; readonly body: JsonObject },
): Promise<"new" | "seen"> {
  const rows = await db.query(
    `insert into journal.inbound (dedup_key, kind, body) values ($1, $2, $3)
     on conflict (dedup_key) do nothing returning dedup_key`,
    [inbound.dedupKey, inbound.kind, encodeJson(inbound.body)],
  );
  return rows.length > 0 ? "new" : "seen";
}

/** Marks a delivery as dealt with. */
export async function markHandled(db: Queryable, dedupKey: string): Promise<void> {
  await db.query("update journal.inbound set handled_at = clock_timestamp() where dedup_key = $1", [dedupKey]);
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
