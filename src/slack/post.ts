import type { WebClient } from "@slack/web-api";
import type { Journal } from "../journal/open.ts";
import { getOutbox, type OutboxRow } from "../journal/outbox.ts";
import { slackFault } from "./client.ts";
import type { Message } from "./limits.ts";
import type { BotSettings } from "./settings.ts";

/** Where a message goes. */
export interface Place {
  readonly channel: string;
  /** Timestamp of the card, for messages of its thread. */
  readonly threadTs?: string;
  /** Only this person sees it. */
  readonly onlyFor?: string;
}

/** A message that Slack has. */
export interface Sent {
  readonly channel: string;
  readonly messageTs: string;
}

/** The place for an intent; `undefined` while the card whose thread it belongs to is not posted. */
export async function placeOf(
  db: Journal["db"],
  settings: BotSettings,
  row: Pick<OutboxRow, "audience" | "person" | "facts" | "migrationId">,
): Promise<Place | undefined> {
  const { channel, commsChannel } = settings.slack;
  switch (row.audience) {
    case "main":
      return { channel };
    case "comms":
      return { channel: commsChannel };
    case "person":
      return row.person === undefined ? { channel } : { channel, onlyFor: row.person };
    case "thread": {
      // what belongs to one gate stands under it, everything else under the card
      const under = row.facts["under"];
      const [kind, key] = typeof under === "string" ? ["gate", under] : ["card", "card"];
      const card = await getOutbox(db, kind, row.migrationId, key);
      if (card?.messageTs === undefined || card.channel === undefined) return undefined;
      return { channel: card.channel, threadTs: card.messageTs };
    }
  }
}

/** Posts or edits. Throws Slack's own error. */
export async function post(client: WebClient, place: Place, row: OutboxRow, { text, blocks }: Message): Promise<Sent> {
  const metadata = {
    event_type: "drawbridge",
    event_payload: { outbox: row.id, kind: row.kind, key: row.key, migration: row.migrationId },
  };
  const { channel } = place;
  if (place.onlyFor !== undefined) return postPrivately(client, channel, place.onlyFor, { text, blocks });
  if (row.messageTs !== undefined) {
    await client.chat.update({ channel, ts: row.messageTs, text, blocks, metadata });
    return { channel, messageTs: row.messageTs };
  }
  const quiet = { unfurl_links: false, unfurl_media: false };
  const thread = place.threadTs === undefined ? {} : { thread_ts: place.threadTs };
  const answer = await client.chat.postMessage({ channel, text, blocks, metadata, ...quiet, ...thread });
  return { channel: answer.channel ?? channel, messageTs: answer.ts ?? "" };
}

/** Ephemeral where the person is in the channel, else as a direct message. */
async function postPrivately(
  client: WebClient,
  channel: string,
  user: string,
  { text, blocks }: Message,
): Promise<Sent> {
  try {
    const answer = await client.chat.postEphemeral({ channel, user, text, blocks });
    return { channel, messageTs: answer.message_ts ?? "" };
  } catch (thrown) {
    const fault = slackFault(thrown);
    if (fault.kind !== "refused" || !notThere.has(fault.error)) throw thrown;
    const answer = await client.chat.postMessage({
      channel: user,
      text,
      blocks,
      unfurl_links: false,
      unfurl_media: false,
    });
    return { channel: answer.channel ?? user, messageTs: answer.ts ?? "" };
  }
}

const notThere = new Set(["user_not_in_channel", "channel_not_found", "not_in_channel", "is_archived"]);

/** How far Slack's clock and the journal's may be apart, in seconds. */
const clocksApart = 600;
/** Slack gives at most 999 messages a page. */
const pageSize = 999;
const mostPages = 10;

/** How far the search for a row's message has come: the page that is read next. */
export interface Search {
  readonly page: number;
  readonly cursor: string | undefined;
}

/** Searches that a refused call has broken off, by row: each page is read once, however often Slack says no. */
export type Searches = Map<number, Search>;

/**
 * Looks whether Slack already has the message of an intent: an answer may have been lost on its way. Only a message that
 * `botUser` wrote counts: any other app in the channel could write our metadata under its own. One that was given up for a new
 * one does not: it may stand there still.
 */
export async function findSent(
  client: WebClient,
  place: Place,
  row: OutboxRow,
  from: { readonly botUser: string; readonly searches: Searches },
): Promise<Sent | undefined> {
  // nobody can look for an ephemeral message
  if (place.onlyFor !== undefined) return undefined;
  const { searches, botUser } = from;
  const { channel, threadTs } = place;
  const left = Number(row.leftTs ?? 0);
  const oldest = String(Math.max(row.createdAt.getTime() / 1000 - clocksApart, left));
  for (;;) {
    const { page, cursor } = searches.get(row.id) ?? { page: 1, cursor: undefined };
    const more = cursor === undefined ? {} : { cursor };
    const ask = { channel, oldest, limit: pageSize, include_all_metadata: true, ...more };
    const answer =
      threadTs === undefined
        ? await client.conversations.history(ask)
        : await client.conversations.replies({ ...ask, ts: threadTs });
    const hit = (answer.messages ?? []).find(
      (each) => each.user === botUser && Number(each.ts) > left && isSameIntent(each, row),
    );
    const next = answer.response_metadata?.next_cursor;
    if (hit?.ts !== undefined || next === undefined || next === "" || page === mostPages) {
      searches.delete(row.id);
      return hit?.ts === undefined ? undefined : { channel, messageTs: hit.ts };
    }
    searches.set(row.id, { page: page + 1, cursor: next });
  }
}

/** All of it has to match: another journal counts its rows from 1 as well. */
function isSameIntent(found: object, row: OutboxRow): boolean {
  const { metadata } = found as {
    metadata?: { event_type?: string; event_payload?: Readonly<Record<string, unknown>> };
  };
  const said = metadata?.event_payload ?? {};
  const same = Number(said["outbox"]) === row.id && said["kind"] === row.kind && said["key"] === row.key;
  return metadata?.event_type === "drawbridge" && same && said["migration"] === row.migrationId;
}
