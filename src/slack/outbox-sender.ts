import type { Clock } from "../clock.ts";
import { dueOutbox, markDead, markSent, type OutboxRow, outboxByMessage, touchOutbox } from "../journal/outbox.ts";
import { openPace, type Move } from "./pace.ts";
import { type Place, placeOf } from "./post.ts";
import { renderIntent } from "./render/intent.ts";
import { type Parcel, type SendDeps, sendParcel } from "./send-one.ts";
import type { SoleSender } from "./sole-sender.ts";

/** What the sender needs. */
export interface SenderDeps extends Omit<SendDeps, "pace" | "searches"> {
  readonly clock: Clock;
  readonly sole: SoleSender;
}

/** Sends what the outbox holds, at least once, without doubles. */
export interface Sender {
  /** Sends everything that may go now. @returns whether something due had to wait for its turn. */
  round(): Promise<boolean>;
  /** Slack says that a message was deleted: what we showed there counts for nothing, and its row is looked at again. */
  messageGone(channel: string, messageTs: string): Promise<void>;
}

/**
 * Approvals and windows first, cards before chatter. Answers to who typed have a way of their own and delay nobody, so that they
 * may go before: whoever asks for a window reads what follows before the gates appear.
 */
const urgency: Readonly<Record<string, number>> = {
  reply: 0,
  gate: 1,
  window: 1,
  reminder: 1,
  expired: 1,
  "break-glass": 1,
  hint: 2,
  failure: 2,
  card: 3,
  done: 3,
  comms: 3,
};

/** Opens the sender of one process. */
export function openSender(given: SenderDeps): Sender {
  const sender = new OutboxSender(given);
  return {
    round: () => sender.round(),
    messageGone: (channel, messageTs) => sender.messageGone(channel, messageTs),
  };
}

class OutboxSender {
  readonly #deps: SenderDeps & SendDeps;
  /** What each message showed last: an edit that nobody would notice is none. */
  readonly #shown = new Map<number, string>();
  /** Rows that Slack may have although it did not say so. */
  readonly #doubtful = new Set<number>();
  #since: Date | undefined;
  constructor(given: SenderDeps) {
    this.#deps = { ...given, pace: openPace(given.clock), searches: new Map() };
  }

  async round(): Promise<boolean> {
    const { journal, sole } = this.#deps;
    const since = await sole.take();
    if (since === undefined) return false;
    if (since !== this.#since) this.#forget(since);
    const order = (await dueOutbox(journal.db)).toSorted((a, b) => rank(a) - rank(b) || a.id - b.id);
    const places = new Map<string, Place | undefined>();
    let waits = false;
    for (const row of order) {
      if (!sole.isOurs()) return true;
      waits = !(await this.#send(row, since, places)) || waits;
    }
    return waits;
  }

  /** Another bot may have sent meanwhile: what this one remembers may no longer be so. */
  #forget(since: Date): void {
    this.#since = since;
    this.#shown.clear();
    this.#deps.searches.clear();
  }

  async messageGone(channel: string, messageTs: string): Promise<void> {
    const row = await outboxByMessage(this.#deps.journal.db, channel, messageTs);
    if (row === undefined) return;
    this.#shown.delete(row.id);
    await touchOutbox(this.#deps.journal.db, row.kind, row.migrationId, row.key);
  }

  /** @returns false when it has to wait for its turn. */
  async #send(row: OutboxRow, since: Date, places: Map<string, Place | undefined>): Promise<boolean> {
    const { journal, settings, pace } = this.#deps;
    if (row.audience === "person" && row.channel !== undefined && row.messageTs !== undefined) {
      // nobody can edit a private message, and a second one would only repeat the first in other words
      await markSent(journal.db, row.id, { revision: row.revision, channel: row.channel, messageTs: row.messageTs });
      return true;
    }
    const place = await placeIn(places, row, () => placeOf(journal.db, settings, row));
    if (place === undefined) return false;
    const at = { ...place, channel: row.channel ?? place.channel };
    if (!pace.mayGo(moveOf(row, at))) return false;
    const rendered = await renderIntent(journal.db, row, settings);
    if (rendered === undefined) {
      await markDead(journal.db, row.id, "there is nothing to say any more");
      return true;
    }
    const target = { ...at, channel: row.channel ?? rendered.channel ?? place.channel };
    const text = JSON.stringify(rendered.message);
    if (row.messageTs !== undefined && this.#shown.get(row.id) === text) {
      const { revision, messageTs } = row;
      await markSent(journal.db, row.id, { revision, channel: target.channel, messageTs });
      return true;
    }
    const isDoubtful = row.messageTs === undefined && (this.#doubtful.has(row.id) || row.createdAt <= since);
    await this.#dispatch({ row, place: target, move: moveOf(row, target), rendered, isDoubtful }, text);
    return true;
  }

  async #dispatch(parcel: Parcel, text: string): Promise<void> {
    const outcome = await sendParcel(this.#deps, parcel);
    const { id } = parcel.row;
    if (outcome === "doubt") this.#doubtful.add(id);
    else if (outcome === "sent" || outcome === "adopted") this.#doubtful.delete(id);
    if (outcome === "sent") this.#shown.set(id, text);
    else this.#shown.delete(id);
  }
}

function rank(row: OutboxRow): number {
  return urgency[row.kind] ?? 5;
}

function moveOf(row: OutboxRow, place: Place): Move {
  if (place.onlyFor !== undefined) return { way: "private", channel: place.channel };
  return { way: row.messageTs === undefined ? "post" : "edit", channel: place.channel, editOf: row.messageTs };
}

/** Many messages belong under one card: its place is asked for once a round. */
async function placeIn(
  known: Map<string, Place | undefined>,
  row: OutboxRow,
  ask: () => Promise<Place | undefined>,
): Promise<Place | undefined> {
  const key = JSON.stringify([row.audience, row.person, row.facts["under"], row.migrationId]);
  if (!known.has(key)) known.set(key, await ask());
  return known.get(key);
}
