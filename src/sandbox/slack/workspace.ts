import type { ChannelSpec } from "./cast.ts";
import type { Channel, LogEntry, Message, Person, Workspace } from "./model.ts";

/** A person by id, handle, `@handle` or `<@id>`. */
export function findPerson(ws: Workspace, given: string): Person | undefined {
  const key = given.replace(/^<@([^|>]+).*>$/, "$1").replace(/^@/, "");
  return ws.people.get(key) ?? [...ws.people.values()].find((each) => each.name === key.toLowerCase());
}

/** A channel by id, name or `#name`. */
export function findChannel(ws: Workspace, given: string): Channel | undefined {
  const key = given.replace(/^#/, "");
  return ws.channels.get(key) ?? [...ws.channels.values()].find((each) => each.name === key);
}

/** A message by its `ts`; deleted ones are gone. */
export function findMessage(channel: Channel, ts: string): Message | undefined {
  return channel.messages.find((each) => each.ts === ts && !each.deleted);
}

/** The next message time, in Slack's form (seconds with six digits), never the same twice. */
export function nextTs(ws: Workspace): string {
  ws.lastMicros = Math.max(ws.lastMicros + 1, ws.clock.now().getTime() * 1000);
  const digits = String(ws.lastMicros);
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** The moment that a `ts` names. */
export function tsToDate(ts: string): Date {
  return new Date(Number(ts) * 1000);
}

/** Replies to a message, oldest first, without ephemeral and deleted ones. */
export function repliesTo(channel: Channel, ts: string): Message[] {
  return channel.messages.filter((each) => each.threadTs === ts && !each.deleted && each.ephemeralTo === undefined);
}

/** Opens an empty channel. */
export function openChannel(spec: ChannelSpec, isIm = false): Channel {
  return {
    id: spec.id,
    name: spec.name,
    isPrivate: spec.isPrivate ?? isIm,
    isIm,
    purpose: spec.purpose ?? "",
    isArchived: spec.isArchived ?? false,
    isExtShared: spec.isExtShared ?? false,
    members: new Set(spec.members),
    messages: [],
    pins: new Set(),
    bookmarks: [],
  };
}

/** The direct message between people; opened when it is not there. */
export function directMessage(ws: Workspace, people: readonly Person[]): Channel {
  const members = [...new Set(people.map((each) => each.id))].toSorted();
  const id = `D${members.map((each) => each.slice(2, 6)).join("")}`;
  const known = ws.channels.get(id);
  if (known !== undefined) return known;
  const name = members.map((each) => ws.people.get(each)?.name ?? each).join("-");
  const opened = openChannel({ id, name, members }, true);
  ws.channels.set(id, opened);
  ws.changed({ kind: "workspace" });
  return opened;
}

const keptEntries = 20_000;

/** Writes one line of the stand-in's own log (`GET /_control/log`). */
export function note(
  ws: Workspace,
  kind: LogEntry["kind"],
  name: string,
  outcome: string,
  facts: LogEntry["facts"] = {},
): void {
  const seq = (ws.log.at(-1)?.seq ?? 0) + 1;
  ws.log.push({ seq, at: ws.clock.now().toISOString(), kind, name, outcome, facts });
  if (ws.log.length > keptEntries) ws.log.splice(0, ws.log.length - keptEntries);
  ws.logger.debug({ kind, name, outcome, ...facts }, "slack stand-in");
}
