import type { WebClient } from "@slack/web-api";
import type { Journal } from "../journal/open.ts";
import {
  getOutbox,
  intend,
  markDead,
  markSent,
  type OutboxRow,
  postAnew,
  postpone,
  retryLater,
} from "../journal/outbox.ts";
import type { Log } from "../log.ts";
import { redact } from "../redact.ts";
import { slackFault } from "./client.ts";
import { cut, type Message } from "./limits.ts";
import type { Move, Pace } from "./pace.ts";
import { findSent, type Place, post, type Searches, type Sent } from "./post.ts";
import type { Rendered } from "./render/intent.ts";
import type { BotSettings } from "./settings.ts";
import { allOfSlack, type Troubles } from "./troubles.ts";

/** What sending needs. */
export interface SendDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly client: WebClient;
  readonly log: Log;
  /** Our own user: only its messages are adopted. */
  readonly botUser: string;
  readonly searches: Searches;
  readonly pace: Pace;
  readonly troubles: Troubles;
}

/** One message on its way. */
export interface Parcel {
  readonly row: OutboxRow;
  readonly place: Place;
  readonly move: Move;
  readonly rendered: Rendered;
  /** Slack may have it already: it is looked for before it is posted. */
  readonly isDoubtful: boolean;
}

/** What came of it. `doubt`: Slack may have it now. */
export type Outcome = "sent" | "adopted" | "doubt" | "not-sent";

/** Sends one message and records what came of it. Throws only when the journal cannot be reached. */
export async function sendParcel(deps: SendDeps, parcel: Parcel): Promise<Outcome> {
  let sent: Sent;
  try {
    const found = parcel.isDoubtful ? await findSent(deps.client, parcel.place, parcel.row, deps) : undefined;
    if (found !== undefined) {
      // what it shows may be old, so it is rendered again
      await markSent(deps.journal.db, parcel.row.id, { revision: 0, ...found });
      return "adopted";
    }
    sent = await post(deps.client, parcel.place, parcel.row, parcel.rendered.message);
  } catch (thrown) {
    return failed(deps, parcel, thrown);
  }
  await went(deps, parcel, sent);
  return "sent";
}

async function went(deps: SendDeps, { row, move, rendered }: Parcel, sent: Sent): Promise<void> {
  deps.pace.went(move, sent.messageTs);
  if (move.way !== "private") deps.troubles.went(sent.channel);
  await markSent(deps.journal.db, row.id, { revision: row.revision, ...sent });
  await followUp(deps, row, rendered);
}

/** The cause of a failure and the report go to the thread, each once. */
export async function followUp(deps: SendDeps, row: OutboxRow, rendered: Rendered): Promise<void> {
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

/** After this many tries at something that Slack refuses, it is given up. */
const mostRefusals = 8;
const tooMuch = new Set(["msg_too_long", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"]);
/** A person can mend these at any time; until then what goes to this channel waits. */
const channelTroubles = new Set([
  "channel_not_found",
  "not_in_channel",
  "is_archived",
  "restricted_action",
  "restricted_action_read_only_channel",
]);
/** The same for everything that we send. */
const tokenTroubles = new Set([
  "missing_scope",
  "no_permission",
  "invalid_auth",
  "not_authed",
  "account_inactive",
  "token_revoked",
  "token_expired",
  "org_login_required",
  "ekm_access_denied",
  "team_access_not_granted",
  "access_denied",
]);
/** Trying again would not help. */
const final = new Set(["message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"]);
/** Messages that live on when somebody deletes them. Gates do not: their votes are gone with them, and they are void. */
const lasting: ReadonlySet<string> = new Set(["card", "window"]);

async function failed(deps: SendDeps, parcel: Parcel, thrown: unknown): Promise<Outcome> {
  const { row, move } = parcel;
  const { db } = deps.journal;
  const fault = slackFault(thrown);
  const facts = { outbox: row.id, kind: row.kind, attempts: row.attempts, fault: redact(JSON.stringify(fault)) };
  if (fault.kind === "limited") {
    deps.log.info(facts, "Slack asks to wait with a message");
    deps.pace.holdBack(move, fault.afterMs);
    await postpone(db, row.id, fault.afterMs, "rate limited");
    // a look for it may be what was limited: the doubt stays
    return parcel.isDoubtful ? "doubt" : "not-sent";
  }
  deps.log.warn(facts, "a message was not sent");
  if (fault.kind === "ambiguous") {
    await retryLater(db, row.id, backoffMs(row.attempts), redact(fault.message));
    return "doubt";
  }
  if (tooMuch.has(fault.error)) return sendLess(deps, parcel, fault.error);
  await refused(deps, parcel, fault.error);
  return "not-sent";
}

async function refused(deps: SendDeps, parcel: Parcel, error: string): Promise<void> {
  const { row, place } = parcel;
  const { db } = deps.journal;
  if (tokenTroubles.has(error)) {
    const pauseMs = await deps.troubles.found(allOfSlack, error);
    deps.pace.closeAll(pauseMs);
    return postpone(db, row.id, pauseMs, error);
  }
  if (channelTroubles.has(error) && place.onlyFor === undefined) {
    const pauseMs = await deps.troubles.found(place.channel, error);
    deps.pace.close(place.channel, pauseMs);
    return postpone(db, row.id, pauseMs, error);
  }
  if (row.messageTs !== undefined && lasting.has(row.kind)) {
    if (error === "message_not_found") return postAnew(db, row.id, row.messageTs);
    if (error === "edit_window_closed") return insteadOfEdit(deps, row, row.messageTs);
  }
  if (error === "thread_not_found" && place.threadTs !== undefined && row.facts["under"] === undefined) {
    // the card that it belongs under was deleted
    const card = await getOutbox(db, "card", row.migrationId, "card");
    if (card?.messageTs === place.threadTs) await postAnew(db, card.id, place.threadTs);
    return postpone(db, row.id, 1_000, error);
  }
  if (final.has(error) || row.attempts >= mostRefusals) return giveUp(deps, row, error);
  return retryLater(db, row.id, Math.max(2_000, backoffMs(row.attempts)), error);
}

/** Where a workspace limits editing, a card that moves is a new message, but no more than one a minute. */
async function insteadOfEdit({ journal }: SendDeps, row: OutboxRow, messageTs: string): Promise<void> {
  const [{ old } = { old: true }] = await journal.db.query<{ old: boolean }>(
    "select sent_at < clock_timestamp() - interval '1 minute' as old from journal.outbox where id = $1",
    [row.id],
  );
  if (old) return postAnew(journal.db, row.id, messageTs);
  return postpone(journal.db, row.id, 10_000, "edit_window_closed");
}

async function giveUp(deps: SendDeps, row: OutboxRow, error: string): Promise<void> {
  deps.log.error({ outbox: row.id, kind: row.kind, key: row.key, error }, "a message will not be sent");
  await markDead(deps.journal.db, row.id, error);
}

/**
 * Renderers keep to the limits. Should Slack see it otherwise: the text alone, which says everything, then its beginning. What
 * comes of these is recorded as for any other message: one whose answer is lost is looked for before it is posted again.
 */
async function sendLess(deps: SendDeps, parcel: Parcel, error: string): Promise<Outcome> {
  const { text } = parcel.rendered.message;
  const forms: readonly Message[] = [
    { text, blocks: [] },
    { text: `${cut(text, 900)}\n(shortened: Slack refused the whole)`, blocks: [] },
  ];
  let last = error;
  for (const form of forms) {
    let sent: Sent;
    try {
      sent = await post(deps.client, parcel.place, parcel.row, form);
    } catch (thrown) {
      const fault = slackFault(thrown);
      if (fault.kind !== "refused" || !tooMuch.has(fault.error)) return failed(deps, parcel, thrown);
      last = fault.error;
      continue;
    }
    deps.log.error({ outbox: parcel.row.id, kind: parcel.row.kind, error }, "a message was sent in a shorter form");
    await went(deps, parcel, sent);
    return "sent";
  }
  await giveUp(deps, parcel.row, last);
  return "not-sent";
}

function backoffMs(attempts: number): number {
  return Math.min(4_000, 500 * 2 ** Math.min(attempts, 8));
}
