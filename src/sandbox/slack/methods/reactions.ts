import type { ReactionsAddResponse, ReactionsGetResponse, ReactionsRemoveResponse } from "@slack/web-api";
import { addReaction, removeReaction } from "../acts.ts";
import { channelOf, flagArg, messageOf, textArg, type Call } from "../calls.ts";
import { emojiName } from "../emoji.ts";
import type { Channel, Message, Workspace } from "../model.ts";
import { isRefusal, messageOnWire, reactionsOnWire, refuse, type Refusal, type Typed } from "../wire.ts";
import { permalink } from "./chat.ts";

/** Different emoji on one message, and reactions of one person on it. */
const emojiPerMessage = 23;

/** `reactions.add` */
export function reactionsAdd(ws: Workspace, call: Call): Typed<ReactionsAddResponse> | Refusal {
  const found = lookUp(ws, call, true);
  if (isRefusal(found)) return found;
  const { channel, message, name } = found;
  const known = message.reactions.some((each) => each.name === name);
  if (!known && message.reactions.length >= emojiPerMessage) return refuse("too_many_emoji");
  return addReaction(ws, channel, message, call.caller, name) ? { ok: true } : refuse("already_reacted");
}

/** `reactions.remove` */
export function reactionsRemove(ws: Workspace, call: Call): Typed<ReactionsRemoveResponse> | Refusal {
  const found = lookUp(ws, call, true);
  if (isRefusal(found)) return found;
  const removed = removeReaction(ws, found.channel, found.message, call.caller, found.name);
  return removed ? { ok: true } : refuse("no_reaction");
}

/** `reactions.get`: without `full` the people of an emoji may be cut; the caller always stays, and the count is whole. */
export function reactionsGet(ws: Workspace, call: Call): Typed<ReactionsGetResponse> | Refusal {
  const found = lookUp(ws, call, false);
  if (isRefusal(found)) return found;
  const { channel, message } = found;
  const { truncateUsers } = ws.faults.settings;
  const cutAll = call.byApp && ws.faults.happens("truncateFull");
  const keep = cutAll ? (truncateUsers ?? 1) : flagArg(call, "full") ? undefined : truncateUsers;
  const { metadata: _hidden, ...wire } = messageOnWire(ws, channel, message);
  const reactions = message.reactions.length > 0 ? reactionsOnWire(message, keep, call.caller.id) : undefined;
  return {
    ok: true,
    type: "message",
    channel: channel.id,
    message: {
      type: wire.type,
      user: wire.user,
      bot_id: wire.bot_id,
      app_id: wire.app_id,
      team: wire.team,
      ts: wire.ts,
      text: wire.text,
      blocks: wire.blocks,
      reactions,
      permalink: permalink(ws, message),
    },
  };
}

function lookUp(
  ws: Workspace,
  call: Call,
  write: boolean,
): { readonly channel: Channel; readonly message: Message; readonly name: string } | Refusal {
  if (textArg(call, "channel") === undefined || textArg(call, "timestamp") === undefined) {
    return refuse("no_item_specified");
  }
  const name = write ? emojiName(textArg(call, "name") ?? "") : "";
  if (name === undefined) return refuse("invalid_name");
  const channel = channelOf(ws, call);
  if (isRefusal(channel)) return channel;
  if (!channel.members.has(call.caller.id)) return refuse(write ? "not_in_channel" : "channel_not_found");
  if (write && channel.isArchived) return refuse("is_archived");
  const message = messageOf(channel, call, "timestamp");
  return isRefusal(message) ? message : { channel, message, name };
}
