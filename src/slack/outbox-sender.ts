import type { WebClient } from "@slack/web-api";
import type { Clock } from "../clock.ts";
import type { Journal } from "../journal/open.ts";
import { dueOutbox, getOutbox, intend, markDead, markSent, type OutboxRow, retryLater } from "../journal/outbox.ts";
import type { Log } from "../log.ts";
import { redact } from "../redact.ts";
import { slackFault } from "./client.ts";
import { type Message, message } from "./limits.ts";
import { openPace, type Pace } from "./pace.ts";
import { findSent, placeOf, post } from "./post.ts";
import { renderIntent, type Rendered } from "./render/intent.ts";
import type { BotSettings } from "./settings.ts";

/** What sending needs. */
export interface SenderDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly client: WebClient;
  readonly clock: Clock;
  readonly log: Log;
  /** When this process began: what was asked for before may have been sent by the one before it. */
  readonly startedAt: Date;
}

/** Sends what the outbox holds, at least once, without doubles. */
export interface Sender {
  /** Sends everything that may go now. @returns whether something due had to wait. */
  round(): Promise<boolean>;
}

/** Answers to who typed, then approvals and windows, cards next, chatter last. */
const urgency: Readonly<Record<string, number>> = {
  reply: 0,
  gate: 1,
  window: 1,
  hint: 2,
  failure: 2,
  done: 3,
  comms: 3,
  card: 4,
};
/** After this many tries at something that Slack refuses, it is given up. */
const mostRefusals = 8;

/** Opens the sender of one process. */
export function openSender(deps: SenderDeps): Sender {
  const pace = openPace(deps.clock);
  const lastText = new Map<number, string>();
  return {
    round: async () => {
      let waits = false;
      const rows = await dueOutbox(deps.journal.db, 50);
      const order = rows.toSorted((a, b) => rank(a) - rank(b) || a.id - b.id);
      for (const row of order) waits = !(await sendOne(deps, pace, lastText, row)) || waits;
      return waits;
    },
  };
}

function rank(row: OutboxRow): number {
  return urgency[row.kind] ?? 5;
}

/** @returns false when it has to wait for its turn. */
async function sendOne(deps: SenderDeps, pace: Pace, lastText: Map<number, string>, row: OutboxRow): Promise<boolean> {
  const { db } = deps.journal;
  const place = await placeOf(db, deps.settings, row);
  if (place === undefined) return false;
  if (!pace.mayGo(place.channel, row.messageTs)) return false;
  const rendered = await renderIntent(db, row, deps.settings);
  if (rendered === undefined) {
    await markDead(db, row.id, "there is nothing to say any more");
    return true;
  }
  const target = { ...place, channel: row.channel ?? rendered.channel ?? place.channel };
  const text = JSON.stringify(rendered.message);
  if (row.messageTs !== undefined && lastText.get(row.id) === text) {
    // an edit that nobody would notice is none
    await markSent(db, row.id, { revision: row.revision, channel: target.channel, messageTs: row.messageTs });
    return true;
  }
  try {
    const doubtful = row.messageTs === undefined && (row.attempts > 0 || row.createdAt < deps.startedAt);
    const found = doubtful ? await findSent(deps.client, target, row) : undefined;
    const sent = found ?? (await post(deps.client, target, row, rendered.message));
    pace.went(target.channel, sent.messageTs, row.messageTs !== undefined);
    await markSent(db, row.id, { revision: found === undefined ? row.revision : 0, ...sent });
    // adopted: what it shows may be old, so it is rendered again
    if (found === undefined) lastText.set(row.id, text);
    await followUp(deps, row, rendered);
  } catch (thrown) {
    await failed(deps, pace, row, { thrown, channel: target.channel, rendered: rendered.message });
  }
  return true;
}

/** The cause of a failure and the report go to the thread, each once. */
async function followUp(deps: SenderDeps, row: OutboxRow, rendered: Rendered): Promise<void> {
  for (const [at, text] of (rendered.thread ?? []).entries()) {
    // whoever has the ledger posts the report under the same key, with more in it; that one stays
    const key = row.kind === "done" ? "final-report" : `${row.kind}-${row.key}-${at}`;
    if (row.kind === "done" && (await getOutbox(deps.journal.db, "note", row.migrationId, key))) continue;
    const facts = { text, preformatted: true };
    await intend(deps.journal.db, {
      kind: "note",
      migrationId: row.migrationId,
      key,
      audience: "thread",
      priority: 6,
      facts,
    });
  }
}

interface Failure {
  readonly thrown: unknown;
  readonly channel: string;
  readonly rendered: Message;
}

async function failed(deps: SenderDeps, pace: Pace, row: OutboxRow, failure: Failure): Promise<void> {
  const { db } = deps.journal;
  const fault = slackFault(failure.thrown);
  const facts = { outbox: row.id, kind: row.kind, attempts: row.attempts, fault: redact(JSON.stringify(fault)) };
  deps.log.warn(facts, "a message was not sent");
  if (fault.kind === "limited") {
    pace.holdBack(failure.channel, fault.afterMs);
    return retryLater(db, row.id, fault.afterMs, "rate limited");
  }
  if (fault.kind === "ambiguous") return retryLater(db, row.id, backoffMs(row.attempts), redact(fault.message));
  if (fault.error === "message_not_found" || fault.error === "cant_update_message")
    return markDead(db, row.id, fault.error);
  if (tooMuch.has(fault.error)) return sendShort(deps, pace, row, failure);
  if (row.attempts >= mostRefusals && !mendable.has(fault.error)) return markDead(db, row.id, fault.error);
  return retryLater(db, row.id, Math.max(2_000, backoffMs(row.attempts)), fault.error);
}

const tooMuch = new Set(["msg_too_long", "invalid_blocks", "msg_blocks_too_long"]);
/** A person can mend these at any time; until then the message waits. */
const mendable = new Set([
  "channel_not_found",
  "not_in_channel",
  "is_archived",
  "missing_scope",
  "invalid_auth",
  "account_inactive",
]);

/** Renderers keep to the limits; should Slack see it otherwise, the first line is better than nothing. */
async function sendShort(deps: SenderDeps, pace: Pace, row: OutboxRow, failure: Failure): Promise<void> {
  const { db } = deps.journal;
  const short = message([{ body: failure.rendered.text.slice(0, 900) }]);
  const place = await placeOf(db, deps.settings, row);
  try {
    if (place === undefined) return await retryLater(db, row.id, 1_000, "no place");
    const sent = await post(deps.client, place, row, { text: short.text, blocks: [] });
    pace.went(place.channel, sent.messageTs, row.messageTs !== undefined);
    await markSent(db, row.id, { revision: row.revision, ...sent });
  } catch (thrown) {
    await retryLater(db, row.id, 5_000, redact(String(thrown)));
  }
}

function backoffMs(attempts: number): number {
  return Math.min(4_000, 500 * 2 ** Math.min(attempts, 8));
}
