import type { Block } from "./blocks.ts";
import type { Channel, Message, Metadata, Person, StoredFile, Workspace } from "./model.ts";
import { messageOnWire } from "./wire.ts";
import { nextTs } from "./workspace.ts";

/** A message before it is posted; whoever posts it has checked that they may. */
export interface Draft {
  readonly user: string;
  readonly text: string;
  readonly blocks?: readonly Block[] | undefined;
  readonly metadata?: Metadata | undefined;
  readonly threadTs?: string | undefined;
  readonly broadcast?: boolean;
  readonly files?: readonly StoredFile[];
  readonly ephemeralTo?: string | undefined;
}

function channelType(channel: Channel): string {
  return channel.isIm ? "im" : channel.isPrivate ? "group" : "channel";
}

/** Puts a message into a channel, tells the watchers and, unless it is ephemeral, the app. */
export function postMessage(ws: Workspace, channel: Channel, draft: Draft): Message {
  const message: Message = {
    ts: nextTs(ws),
    channelId: channel.id,
    threadTs: draft.threadTs,
    broadcast: draft.broadcast ?? false,
    user: draft.user,
    text: draft.text,
    blocks: draft.blocks,
    metadata: draft.metadata,
    reactions: [],
    files: [...(draft.files ?? [])],
    ephemeralTo: draft.ephemeralTo,
    edited: undefined,
    edits: 0,
    deleted: false,
    deletedAtMs: undefined,
    answerLost: false,
  };
  channel.messages.push(message);
  ws.changed({ kind: "message", what: "posted", message });
  if (message.ephemeralTo === undefined) {
    const body = messageOnWire(ws, channel, message);
    const where = { channel: channel.id, channel_type: channelType(channel), event_ts: message.ts };
    ws.sendEvent({ ...body, ...where }, channel);
  }
  return message;
}

/** What an edit sets. Blocks that are not given are taken away; metadata that is not given stays. */
export interface Edit {
  readonly text: string;
  readonly blocks: readonly Block[] | undefined;
  readonly metadata?: Metadata | undefined;
}

/** Changes a message in place. Slack flags it as edited only where no blocks are used. */
export function editMessage(ws: Workspace, channel: Channel, message: Message, by: Person, edit: Edit): void {
  const previous = messageOnWire(ws, channel, message);
  const at = nextTs(ws);
  message.text = edit.text;
  message.blocks = edit.blocks;
  message.metadata = edit.metadata ?? message.metadata;
  message.edits += 1;
  if (edit.blocks === undefined) message.edited = { user: by.id, ts: at };
  ws.changed({ kind: "message", what: "edited", message });
  sendMessageEvent(ws, channel, at, {
    subtype: "message_changed",
    message: messageOnWire(ws, channel, message),
    previous_message: previous,
  });
}

/** Takes a message away, as its author or an administrator would. */
export function deleteMessage(ws: Workspace, channel: Channel, message: Message): void {
  const previous = messageOnWire(ws, channel, message);
  message.deleted = true;
  message.deletedAtMs = ws.clock.now().getTime();
  channel.pins.delete(message.ts);
  ws.changed({ kind: "message", what: "deleted", message });
  sendMessageEvent(ws, channel, nextTs(ws), {
    subtype: "message_deleted",
    deleted_ts: message.ts,
    previous_message: previous,
  });
}

function sendMessageEvent(ws: Workspace, channel: Channel, ts: string, facts: object): void {
  const where = { channel: channel.id, channel_type: channelType(channel), ts, event_ts: ts, hidden: true };
  ws.sendEvent({ type: "message", ...facts, ...where }, channel);
}

/** Adds a reaction; false when this person has it there already. */
export function addReaction(ws: Workspace, channel: Channel, message: Message, by: Person, name: string): boolean {
  const known = message.reactions.find((each) => each.name === name);
  if (known?.users.includes(by.id) === true) return false;
  if (known === undefined) message.reactions.push({ name, users: [by.id] });
  else known.users.push(by.id);
  reactionChanged(ws, channel, message, by, "reaction_added", name);
  return true;
}

/** Takes a reaction back; false when it was not there. */
export function removeReaction(ws: Workspace, channel: Channel, message: Message, by: Person, name: string): boolean {
  const known = message.reactions.find((each) => each.name === name);
  const at = known?.users.indexOf(by.id) ?? -1;
  if (known === undefined || at < 0) return false;
  known.users.splice(at, 1);
  if (known.users.length === 0) message.reactions.splice(message.reactions.indexOf(known), 1);
  reactionChanged(ws, channel, message, by, "reaction_removed", name);
  return true;
}

function reactionChanged(
  ws: Workspace,
  channel: Channel,
  message: Message,
  by: Person,
  type: "reaction_added" | "reaction_removed",
  reaction: string,
): void {
  ws.changed({ kind: "message", what: "reacted", message });
  const item = { type: "message", channel: channel.id, ts: message.ts };
  ws.sendEvent({ type, user: by.id, reaction, item, item_user: message.user, event_ts: nextTs(ws) }, channel);
}

/** Lets somebody into a channel. */
export function joinChannel(ws: Workspace, channel: Channel, person: Person): void {
  if (channel.members.has(person.id)) return;
  channel.members.add(person.id);
  ws.changed({ kind: "workspace" });
  const type = "member_joined_channel";
  const where = { channel: channel.id, channel_type: channel.isPrivate ? "G" : "C", team: ws.team.id };
  ws.sendEvent({ type, user: person.id, ...where, event_ts: nextTs(ws) }, channel);
}

/** Takes somebody out of a channel. The app still hears that it was removed itself. */
export function leaveChannel(ws: Workspace, channel: Channel, person: Person): void {
  if (!channel.members.has(person.id)) return;
  const type = "member_left_channel";
  const where = { channel: channel.id, channel_type: channel.isPrivate ? "G" : "C", team: ws.team.id };
  ws.sendEvent({ type, user: person.id, ...where, event_ts: nextTs(ws) }, channel);
  channel.members.delete(person.id);
  ws.changed({ kind: "workspace" });
}
