import { appendEvent } from "../../journal/events.ts";
import type { JsonObject } from "../../journal/json.ts";
import { intend } from "../../journal/outbox.ts";
import type { Queryable } from "../../postgres/connect.ts";
import type { GlassOutcome, GlassRequest } from "./break-glass.ts";

/**
 * Before anything is done: an event in the chain, and messages that go out as soon as Slack can be reached.
 * @returns the event's id, by which the outcome finds its messages.
 */
export async function tellBroken(tx: Queryable, migrationId: string, request: GlassRequest): Promise<bigint> {
  const { verb, reason, by } = request;
  const id = await appendEvent(tx, { migrationId, kind: "break-glass", actor: by, facts: { verb, reason } });
  await post(tx, migrationId, { id: String(id), verb, reason, by });
  const facts = { state: "by-hand" };
  await intend(tx, { kind: "comms", migrationId, key: `by-hand-${id}`, audience: "comms", priority: 1, facts });
  return id;
}

/** What came of it. */
export async function tellEnded(
  db: Queryable,
  migrationId: string,
  { verb, reason, by }: GlassRequest,
  { id, did, failed }: GlassOutcome & { readonly id: bigint },
): Promise<void> {
  const facts = { verb, of: String(id), did, failed };
  await appendEvent(db, { migrationId, kind: "break-glass-ended", actor: by, facts });
  await post(db, migrationId, { id: String(id), verb, reason, by, did, failed });
}

async function post(tx: Queryable, migrationId: string, facts: JsonObject & { readonly id: string }): Promise<void> {
  await intend(tx, { kind: "break-glass", migrationId, key: facts.id, audience: "main", priority: 1, facts });
}
