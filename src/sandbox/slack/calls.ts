import { checkBlocks, type Block } from "./blocks.ts";
import type { Channel, Message, Metadata, Person, Workspace } from "./model.ts";
import { refuse, type Refusal } from "./wire.ts";
import { findMessage } from "./workspace.ts";

/** One call of a Web API method, by somebody whose token was good. */
export interface Call {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly caller: Person;
  /** The app's bot token was used; otherwise a person's own. */
  readonly byApp: boolean;
}

/** A method of the Web API. */
export type Method = (ws: Workspace, call: Call) => object;

/** A text argument; undefined when absent or empty. */
export function textArg(call: Call, name: string): string | undefined {
  const value = call.args[name];
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A boolean argument, as forms (`true`, `1`) or JSON carry it. */
export function flagArg(call: Call, name: string): boolean {
  const value = call.args[name];
  return value === true || value === "true" || value === "1" || value === 1;
}

/** An argument that forms carry as JSON; undefined when absent, `"malformed"` when it cannot be parsed. */
export function jsonArg(call: Call, name: string): { readonly value: unknown } | "malformed" | undefined {
  const value = call.args[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") return { value };
  try {
    return { value: JSON.parse(value) as unknown };
  } catch {
    return "malformed";
  }
}

/** The channel of a call; private channels do not exist for those who are not in them. */
export function channelOf(ws: Workspace, call: Call, name = "channel"): Channel | Refusal {
  const given = textArg(call, name);
  if (given === undefined) return refuse("channel_not_found");
  const channel = ws.channels.get(given);
  if (channel === undefined) return refuse("channel_not_found");
  if (channel.isPrivate && !channel.members.has(call.caller.id)) return refuse("channel_not_found");
  return channel;
}

/** The channel of a call whose caller must be in it, and which must not be archived where it is written to. */
export function joinedChannelOf(ws: Workspace, call: Call, write: boolean): Channel | Refusal {
  const channel = channelOf(ws, call);
  if (!("members" in channel)) return channel;
  if (!channel.members.has(call.caller.id)) return refuse("not_in_channel");
  if (write && channel.isArchived) return refuse("is_archived");
  return channel;
}

/** The message that `name` points at. Ephemeral ones cannot be found by anybody. */
export function messageOf(channel: Channel, call: Call, name: string): Message | Refusal {
  const ts = textArg(call, name);
  const message = ts === undefined ? undefined : findMessage(channel, ts);
  return message === undefined || message.ephemeralTo !== undefined ? refuse("message_not_found") : message;
}

/** The blocks of a call, checked. */
export function blocksOf(call: Call): { readonly blocks: readonly Block[] | undefined } | Refusal {
  const given = jsonArg(call, "blocks");
  if (given === undefined) return { blocks: undefined };
  if (given === "malformed" || !Array.isArray(given.value)) return refuse("invalid_blocks_format");
  const checked = checkBlocks(given.value);
  if (!checked.ok) return refuse("invalid_blocks", { response_metadata: { messages: [...checked.messages] } });
  return { blocks: checked.blocks.length === 0 ? undefined : checked.blocks };
}

const metadataBytes = 32_768;

/** The metadata of a call: an `event_type` and an object as `event_payload`, not too large. */
export function metadataOf(call: Call): { readonly metadata: Metadata | undefined } | Refusal {
  const given = jsonArg(call, "metadata");
  if (given === undefined) return { metadata: undefined };
  if (given === "malformed" || typeof given.value !== "object" || given.value === null) {
    return refuse("invalid_metadata_format");
  }
  const type = "event_type" in given.value ? given.value.event_type : undefined;
  const payload = "event_payload" in given.value ? given.value.event_payload : undefined;
  if (typeof type !== "string" || !/^[\w.-]{1,255}$/.test(type)) return refuse("invalid_metadata_schema");
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return refuse("invalid_metadata_schema");
  }
  if (JSON.stringify(payload).length > metadataBytes) return refuse("metadata_too_large");
  return { metadata: { event_type: type, event_payload: { ...payload } } };
}

/** One page of a list: `limit` and an opaque `cursor`, as Slack pages. */
export function pageOf<T>(
  call: Call,
  items: readonly T[],
  defaultLimit: number,
): { readonly items: readonly T[]; readonly next: string } | Refusal {
  const cursor = textArg(call, "cursor");
  const start = cursor === undefined ? 0 : Number(/^at:(\d+)$/.exec(Buffer.from(cursor, "base64").toString())?.[1]);
  const limit = Number(textArg(call, "limit") ?? defaultLimit);
  if (Number.isNaN(start)) return refuse("invalid_cursor");
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) return refuse("invalid_limit");
  const end = start + limit;
  const next = end < items.length ? Buffer.from(`at:${end}`).toString("base64") : "";
  return { items: items.slice(start, end), next };
}
