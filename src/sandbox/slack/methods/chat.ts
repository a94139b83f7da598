import type {
  ChatDeleteResponse,
  ChatGetPermalinkResponse,
  ChatPostEphemeralResponse,
  ChatPostMessageResponse,
  ChatUpdateResponse,
} from "@slack/web-api";
import { deleteMessage, editMessage, postMessage } from "../acts.ts";
import { blocksOf, channelOf, flagArg, joinedChannelOf, messageOf, metadataOf, textArg, type Call } from "../calls.ts";
import type { Channel, Message, Workspace } from "../model.ts";
import { isRefusal, messageOnWire, refuse, type Refusal, type Typed } from "../wire.ts";
import { directMessage, findChannel } from "../workspace.ts";

/** Longer text is cut at a post and refused at an update. Source: docs.slack.dev, chat.postMessage and chat.update. */
const postLimit = 40_000;
const updateLimit = 4000;

/** `chat.postMessage` */
export function chatPostMessage(ws: Workspace, call: Call): Typed<ChatPostMessageResponse> | Refusal {
  const channel = postChannel(ws, call);
  if (isRefusal(channel)) return channel;
  const content = contentOf(call);
  if (isRefusal(content)) return content;
  const thread = threadOf(channel, call);
  if (isRefusal(thread)) return thread;
  const broadcast = thread.threadTs !== undefined && flagArg(call, "reply_broadcast");
  const text = content.text.slice(0, postLimit);
  const message = postMessage(ws, channel, { ...content, text, ...thread, broadcast, user: call.caller.id });
  return { ok: true, channel: channel.id, ts: message.ts, message: messageOnWire(ws, channel, message, true) };
}

/** `chat.postEphemeral`: only for somebody who is in the channel. */
export function chatPostEphemeral(ws: Workspace, call: Call): Typed<ChatPostEphemeralResponse> | Refusal {
  const channel = joinedChannelOf(ws, call, true);
  if (isRefusal(channel)) return channel;
  const content = contentOf(call);
  if (isRefusal(content)) return content;
  const to = textArg(call, "user");
  if (to === undefined || !channel.members.has(to)) return refuse("user_not_in_channel");
  const thread = threadOf(channel, call);
  if (isRefusal(thread)) return thread;
  const message = postMessage(ws, channel, { ...content, ...thread, user: call.caller.id, ephemeralTo: to });
  return { ok: true, message_ts: message.ts };
}

/** `chat.update`: own messages only; blocks that are left out are removed, metadata that is left out stays. */
export function chatUpdate(ws: Workspace, call: Call): Typed<ChatUpdateResponse> | Refusal {
  const channel = joinedChannelOf(ws, call, true);
  if (isRefusal(channel)) return channel;
  const message = messageOf(channel, call, "ts");
  if (isRefusal(message)) return message;
  if (message.user !== call.caller.id) return refuse("cant_update_message");
  const content = contentOf(call);
  if (isRefusal(content)) return content;
  if (content.text.length > updateLimit) return refuse("msg_too_long");
  editMessage(ws, channel, message, call.caller, content);
  return {
    ok: true,
    channel: channel.id,
    ts: message.ts,
    text: message.text,
    message: messageOnWire(ws, channel, message, true),
  };
}

/** `chat.delete`: own messages; an administrator's token deletes most others as well. */
export function chatDelete(ws: Workspace, call: Call): Typed<ChatDeleteResponse> | Refusal {
  const channel = channelOf(ws, call);
  if (isRefusal(channel)) return channel;
  const message = messageOf(channel, call, "ts");
  if (isRefusal(message)) return message;
  if (message.user !== call.caller.id && !call.caller.isAdmin) return refuse("cant_delete_message");
  deleteMessage(ws, channel, message);
  return { ok: true, channel: channel.id, ts: message.ts };
}

/** `chat.getPermalink` */
export function chatGetPermalink(ws: Workspace, call: Call): Typed<ChatGetPermalinkResponse> | Refusal {
  const channel = channelOf(ws, call);
  if (isRefusal(channel)) return channel;
  const message = messageOf(channel, call, "message_ts");
  if (isRefusal(message)) return message;
  return { ok: true, channel: channel.id, permalink: permalink(ws, message) };
}

/** Where a message can be opened; here that is the stand-in's own page. */
export function permalink(ws: Workspace, message: Message): string {
  const thread = message.threadTs === undefined ? "" : `?thread_ts=${message.threadTs}&cid=${message.channelId}`;
  return `${ws.baseUrl}/archives/${message.channelId}/p${message.ts.replace(".", "")}${thread}`;
}

/** A post may also name a channel (`#name`) or a person (their direct message). */
function postChannel(ws: Workspace, call: Call): Channel | Refusal {
  const given = textArg(call, "channel");
  const person = given === undefined ? undefined : ws.people.get(given);
  if (person !== undefined) return directMessage(ws, [call.caller, person]);
  const named = given === undefined ? undefined : findChannel(ws, given)?.id;
  return joinedChannelOf(ws, { ...call, args: { ...call.args, channel: named ?? given } }, true);
}

function contentOf(call: Call) {
  const blocks = blocksOf(call);
  if (isRefusal(blocks)) return blocks;
  const metadata = metadataOf(call);
  if (isRefusal(metadata)) return metadata;
  const text = textArg(call, "text") ?? textArg(call, "markdown_text") ?? "";
  if (text.trim() === "" && blocks.blocks === undefined) return refuse("no_text");
  return { text, ...blocks, ...metadata };
}

/** A reply belongs to its thread's first message, also where a reply was named. */
function threadOf(channel: Channel, call: Call): { readonly threadTs: string | undefined } | Refusal {
  if (textArg(call, "thread_ts") === undefined) return { threadTs: undefined };
  const parent = messageOf(channel, call, "thread_ts");
  if (isRefusal(parent)) return refuse("thread_not_found");
  return { threadTs: parent.threadTs ?? parent.ts };
}
