import type { Message, Workspace } from "./model.ts";

/** A row of `journal.outbox`, as far as the comparison needs it. */
export interface IntendedMessage {
  readonly id: number;
  readonly kind: string;
  readonly key: string;
  readonly audience: string;
  readonly state: string;
  readonly channel: string | undefined;
  readonly messageTs: string | undefined;
  readonly error: string | undefined;
}

/** What was posted anew when somebody deleted it. Everything else stays deleted. */
const lasting: ReadonlySet<string> = new Set(["card", "window"]);
/** Rows that rightly came to nothing. */
const nothingToSay = "there is nothing to say any more";

/**
 * Compares what should exist with what the channels hold at the end. @returns a sentence for each difference: a message twice,
 * a row that never became one, a message of ours that nobody intended. Private messages have no identity in Slack that one
 * could look for: of them only the missing are found, not the doubled.
 */
export function compareOutbox(ws: Workspace, rows: readonly IntendedMessage[]): string[] {
  const ours = new Map<number, Message[]>();
  for (const { messages } of ws.channels.values()) {
    for (const message of messages.filter((each) => each.user === ws.app.botUserId)) {
      const id = Number(message.metadata?.event_payload["outbox"] ?? Number.NaN);
      if (!Number.isNaN(id)) ours.set(id, [...(ours.get(id) ?? []), message]);
    }
  }
  const known = new Set(rows.map(({ id }) => id));
  const strays = [...ours.keys()].filter((id) => !known.has(id)).map((id) => `outbox ${id}: a message without a row`);
  return [...strays, ...rows.flatMap((row) => differencesOf(ws, row, ours.get(row.id) ?? []))];
}

function differencesOf(ws: Workspace, row: IntendedMessage, messages: readonly Message[]): string[] {
  const name = `outbox ${row.id} (${row.kind} ${row.key})`;
  const standing = messages.filter(({ deleted }) => !deleted);
  if (row.audience === "person") return privately(ws, row, name);
  const found: string[] = [];
  if (standing.length > 1) found.push(`${name}: stands ${standing.length} times`);
  const seen = messages.filter((message, at) => !isUnseen(message, messages[at + 1]));
  if (!lasting.has(row.kind) && seen.length > 1) found.push(`${name}: was posted ${seen.length} times`);
  if (row.state === "pending") found.push(`${name}: was not sent, ${row.error ?? "no error"}`);
  const wasDeleted = messages.some(({ deleted }) => deleted);
  if (row.state === "dead" && row.error !== nothingToSay && !wasDeleted) found.push(`${name}: given up, ${row.error}`);
  if (row.state !== "sent") return found;
  if (standing.length === 0 && (lasting.has(row.kind) || !wasDeleted)) found.push(`${name}: is missing`);
  if (standing.length === 1 && standing[0]?.ts !== row.messageTs)
    found.push(`${name}: stands at ${standing[0]?.ts}, the journal says ${row.messageTs}`);
  return found;
}

/**
 * Whether nobody could know of a message when the next one was posted: Slack's answer was lost, and somebody had deleted it by then, so
 * that the channel's history did not show it either.
 */
function isUnseen({ answerLost, deletedAtMs }: Message, next: Message | undefined): boolean {
  return answerLost && deletedAtMs !== undefined && next !== undefined && deletedAtMs <= Number(next.ts) * 1_000;
}

function privately(ws: Workspace, row: IntendedMessage, name: string): string[] {
  if (row.state === "dead") return row.error === nothingToSay ? [] : [`${name}: given up, ${row.error}`];
  if (row.state === "pending") return [`${name}: was not sent, ${row.error ?? "no error"}`];
  const channel = ws.channels.get(row.channel ?? "");
  return channel?.messages.some(({ ts }) => ts === row.messageTs) === true ? [] : [`${name}: is missing`];
}
