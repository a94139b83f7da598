import type {
  ConversationsHistoryResponse,
  ConversationsInfoResponse,
  ConversationsJoinResponse,
  ConversationsListResponse,
  ConversationsMembersResponse,
  ConversationsOpenResponse,
  ConversationsRepliesResponse,
} from "@slack/web-api";
import { joinChannel } from "../acts.ts";
import { channelOf, flagArg, joinedChannelOf, messageOf, pageOf, textArg, type Call } from "../calls.ts";
import type { Message, Workspace } from "../model.ts";
import { channelOnWire, isRefusal, messageOnWire, refuse, type Refusal, type Typed } from "../wire.ts";
import { directMessage, repliesTo } from "../workspace.ts";

/** `conversations.info` */
export function conversationsInfo(ws: Workspace, call: Call): Typed<ConversationsInfoResponse> | Refusal {
  const channel = channelOf(ws, call);
  if (isRefusal(channel)) return channel;
  return { ok: true, channel: channelOnWire(channel, call.caller.id) };
}

/** `conversations.list` */
export function conversationsList(ws: Workspace, call: Call): Typed<ConversationsListResponse> | Refusal {
  const types = new Set((textArg(call, "types") ?? "public_channel").split(",").map((each) => each.trim()));
  const visible = [...ws.channels.values()].filter((each) => {
    if (flagArg(call, "exclude_archived") && each.isArchived) return false;
    if (each.isPrivate && !each.members.has(call.caller.id)) return false;
    return types.has(each.isIm ? "im" : each.isPrivate ? "private_channel" : "public_channel");
  });
  const page = pageOf(call, visible, 100);
  if (isRefusal(page)) return page;
  const channels = page.items.map((each) => channelOnWire(each, call.caller.id));
  return { ok: true, channels, response_metadata: { next_cursor: page.next } };
}

/** `conversations.members` */
export function conversationsMembers(ws: Workspace, call: Call): Typed<ConversationsMembersResponse> | Refusal {
  const channel = channelOf(ws, call);
  if (isRefusal(channel)) return channel;
  const page = pageOf(call, [...channel.members], 100);
  if (isRefusal(page)) return page;
  return { ok: true, members: page.items, response_metadata: { next_cursor: page.next } };
}

/** `conversations.history`: newest first, without replies and ephemeral messages. */
export function conversationsHistory(ws: Workspace, call: Call): Typed<ConversationsHistoryResponse> | Refusal {
  const channel = joinedChannelOf(ws, call, false);
  if (isRefusal(channel)) return channel;
  const newestFirst = channel.messages
    .filter((each) => !each.deleted && each.ephemeralTo === undefined)
    .filter((each) => each.threadTs === undefined || each.broadcast)
    .filter((each) => within(call, each))
    .toReversed();
  const page = pageOf(call, newestFirst, 100);
  if (isRefusal(page)) return page;
  const withMetadata = flagArg(call, "include_all_metadata");
  return {
    ok: true,
    messages: page.items.map((each) => messageOnWire(ws, channel, each, withMetadata)),
    has_more: page.next !== "",
    response_metadata: { next_cursor: page.next },
  };
}

/** `conversations.replies`: the thread's first message, then its replies, oldest first. */
export function conversationsReplies(ws: Workspace, call: Call): Typed<ConversationsRepliesResponse> | Refusal {
  const channel = joinedChannelOf(ws, call, false);
  if (isRefusal(channel)) return channel;
  const named = messageOf(channel, call, "ts");
  if (isRefusal(named)) return refuse("thread_not_found");
  const parent =
    named.threadTs === undefined ? named : (channel.messages.find((m) => m.ts === named.threadTs) ?? named);
  const replies = repliesTo(channel, parent.ts).filter((each) => within(call, each));
  const page = pageOf(call, [parent, ...replies], 1000);
  if (isRefusal(page)) return page;
  const withMetadata = flagArg(call, "include_all_metadata");
  return {
    ok: true,
    messages: page.items.map((each) => messageOnWire(ws, channel, each, withMetadata)),
    has_more: page.next !== "",
    response_metadata: { next_cursor: page.next },
  };
}

/** `conversations.join`: public channels only. */
export function conversationsJoin(ws: Workspace, call: Call): Typed<ConversationsJoinResponse> | Refusal {
  const channel = channelOf(ws, call);
  if (isRefusal(channel)) return channel;
  if (channel.isArchived) return refuse("is_archived");
  if (channel.isPrivate) return refuse("method_not_supported_for_channel_type");
  joinChannel(ws, channel, call.caller);
  return { ok: true, channel: channelOnWire(channel, call.caller.id) };
}

/** `conversations.open`: the direct message with `users`. */
export function conversationsOpen(ws: Workspace, call: Call): Typed<ConversationsOpenResponse> | Refusal {
  const people = (textArg(call, "users") ?? "").split(",").map((each) => ws.people.get(each.trim()));
  const known = people.filter((each) => each !== undefined);
  if (known.length === 0 || known.length < people.length) return refuse("user_not_found");
  if (known.some((each) => each.deleted)) return refuse("user_disabled");
  return { ok: true, channel: { id: directMessage(ws, [call.caller, ...known]).id } };
}

/** Microseconds as whole numbers: a `ts` has more digits than a float keeps. */
function micros(ts: string): bigint {
  const [seconds = "0", fraction = ""] = ts.split(".");
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

function within(call: Call, message: Message): boolean {
  const inclusive = flagArg(call, "inclusive");
  const at = micros(message.ts);
  const oldest = micros(textArg(call, "oldest") ?? "0");
  const latest = textArg(call, "latest");
  const belowLatest = latest === undefined || at < micros(latest) || (inclusive && at === micros(latest));
  return belowLatest && (at > oldest || (inclusive && at === oldest));
}
