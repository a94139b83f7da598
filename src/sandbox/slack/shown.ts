import { renderMessageAsHtml, renderBlocksAsHtml } from "./as-html.ts";
import { renderMessageAsText } from "./as-text.ts";
import { checkBlocks } from "./blocks.ts";
import { emojiGlyph } from "./emoji.ts";
import type { Channel, Message, Person, View, Workspace } from "./model.ts";
import { fileOnWire } from "./wire.ts";
import { findPerson, tsToDate } from "./workspace.ts";

/** A message as the control interface shows it: everything, and for people to read. */
export function showMessage(ws: Workspace, message: Message) {
  const nameOf = (id: string): string => ws.people.get(id)?.name ?? id;
  const edited = message.edited !== undefined;
  return {
    channel: message.channelId,
    channelName: ws.channels.get(message.channelId)?.name,
    ts: message.ts,
    threadTs: message.threadTs,
    at: tsToDate(message.ts).toISOString(),
    user: message.user,
    userName: nameOf(message.user),
    text: message.text,
    plain: renderMessageAsText(message, ws),
    blocks: message.blocks,
    metadata: message.metadata,
    reactions: message.reactions.map(({ name, users }) => ({
      name,
      glyph: emojiGlyph(name),
      users: [...users],
      userNames: users.map(nameOf),
      count: users.length,
    })),
    files: message.files.map((file) => fileOnWire(ws, file)),
    edits: message.edits,
    edited,
    pinned: ws.channels.get(message.channelId)?.pins.has(message.ts) ?? false,
    ephemeralTo: message.ephemeralTo,
    ephemeralToName: message.ephemeralTo === undefined ? undefined : nameOf(message.ephemeralTo),
    deleted: message.deleted,
  };
}

/** The same with its body as HTML, for the page. */
export function showMessageOnPage(ws: Workspace, message: Message) {
  return { ...showMessage(ws, message), blocks: undefined, html: renderMessageAsHtml(ws, message) };
}

/** Every standing message of a channel, replies under their first message, ephemeral ones too. */
export function showChannelMessages(ws: Workspace, channel: Channel) {
  const live = channel.messages.filter((each) => !each.deleted);
  return live
    .filter((each) => each.threadTs === undefined)
    .map((top) => {
      const replies = live.filter((each) => each.threadTs === top.ts).map((each) => showMessage(ws, each));
      return { ...showMessage(ws, top), replies };
    });
}

/** A person without their token. */
export function showPerson(ws: Workspace, person: Person) {
  const { token: _hidden, ...rest } = person;
  return { ...rest, isOwnBot: person.id === ws.app.botUserId, isExternal: person.teamId !== ws.team.id };
}

/** A modal or home tab with its body as HTML. */
export function showView(ws: Workspace, view: View) {
  const { body, ...rest } = view;
  const checked = checkBlocks(body["blocks"], view.type);
  const title = textOf(body["title"]);
  const submit = textOf(body["submit"]);
  return { ...rest, title, submit, body, html: checked.ok ? renderBlocksAsHtml(ws, checked.blocks) : "" };
}

function textOf(object: unknown): string | undefined {
  if (typeof object !== "object" || object === null || !("text" in object)) return undefined;
  return typeof object.text === "string" ? object.text : undefined;
}

/** What is where: people, channels, faults. */
export function showState(ws: Workspace, pendingEvents: number) {
  return {
    team: ws.team,
    app: ws.app,
    people: [...ws.people.values()].map((each) => showPerson(ws, each)),
    channels: [...ws.channels.values()].map(({ messages, members, pins, ...rest }) => ({
      ...rest,
      members: [...members],
      pins: [...pins],
      messageCount: messages.filter((each) => !each.deleted).length,
    })),
    userGroups: [...ws.userGroups.values()],
    views: [...ws.views.values()].filter((each) => each.open).map((each) => showView(ws, each)),
    faults: ws.faults.settings,
    hint: ws.hint,
    requestUrls: ws.urls,
    pendingEvents,
  };
}

/** `@name` becomes `<@id>` where somebody has that name, as Slack's client does. */
export function linkNames(ws: Workspace, text: string): string {
  return text.replace(/(^|[\s(,])@([a-z][\w.-]*)/gi, (whole, before: string, name: string) => {
    const person = findPerson(ws, name.toLowerCase());
    return person === undefined ? whole : `${before}<@${person.id}>`;
  });
}
