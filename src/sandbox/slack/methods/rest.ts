import { randomBytes } from "node:crypto";
import type { BookmarksAddResponse, PinsAddResponse, ViewsOpenResponse, ViewsPublishResponse } from "@slack/web-api";
import { z } from "zod";
import { checkBlocks } from "../blocks.ts";
import { joinedChannelOf, jsonArg, messageOf, textArg, type Call } from "../calls.ts";
import type { View, Workspace } from "../model.ts";
import { isRefusal, refuse, type Refusal, type Typed } from "../wire.ts";

/** `pins.add` */
export function pinsAdd(ws: Workspace, call: Call): Typed<PinsAddResponse> | Refusal {
  const channel = joinedChannelOf(ws, call, true);
  if (isRefusal(channel)) return channel;
  const message = messageOf(channel, call, "timestamp");
  if (isRefusal(message)) return message;
  if (channel.pins.has(message.ts)) return refuse("already_pinned");
  channel.pins.add(message.ts);
  ws.changed({ kind: "workspace" });
  return { ok: true };
}

/** `bookmarks.add`: links only. */
export function bookmarksAdd(ws: Workspace, call: Call): Typed<BookmarksAddResponse> | Refusal {
  const inChannel = { ...call, args: { ...call.args, channel: textArg(call, "channel_id") } };
  const channel = joinedChannelOf(ws, inChannel, true);
  if (isRefusal(channel)) return channel;
  const title = textArg(call, "title");
  const link = textArg(call, "link");
  if (textArg(call, "type") !== "link") return refuse("invalid_bookmark_type");
  if (title === undefined) return refuse("invalid_arguments");
  if (link === undefined || !/^https?:\/\//.test(link)) return refuse("invalid_link");
  const bookmark = { id: `Bk${randomBytes(5).toString("hex").toUpperCase()}`, title, link };
  channel.bookmarks.push(bookmark);
  ws.changed({ kind: "workspace" });
  return { ok: true, bookmark: { ...bookmark, channel_id: channel.id, type: "link" } };
}

const viewSchema = z.looseObject({
  type: z.enum(["modal", "home"]),
  callback_id: z.string().max(255).optional(),
  private_metadata: z.string().max(3000).optional(),
  title: z.looseObject({ type: z.literal("plain_text"), text: z.string().min(1).max(24) }).optional(),
  blocks: z.array(z.unknown()),
});

/** `views.open`: a modal, within three seconds of the trigger and once for each. */
export function viewsOpen(ws: Workspace, call: Call): Typed<ViewsOpenResponse> | Refusal {
  const trigger = ws.triggers.get(textArg(call, "trigger_id") ?? "");
  if (trigger === undefined) return refuse("invalid_trigger_id");
  if (trigger.used) return refuse("exchanged_trigger_id");
  if (ws.clock.now().getTime() > trigger.untilMs) return refuse("expired_trigger_id");
  const body = viewBody(call, "modal");
  if (isRefusal(body)) return body;
  trigger.used = true;
  return { ok: true, view: showView(ws, "modal", trigger.user, body) };
}

/** `views.publish`: somebody's home tab. */
export function viewsPublish(ws: Workspace, call: Call): Typed<ViewsPublishResponse> | Refusal {
  const user = textArg(call, "user_id") ?? "";
  if (!ws.people.has(user)) return refuse("invalid_arguments");
  const body = viewBody(call, "home");
  if (isRefusal(body)) return body;
  for (const view of ws.views.values()) if (view.type === "home" && view.user === user) ws.views.delete(view.id);
  return { ok: true, view: showView(ws, "home", user, body) };
}

function viewBody(call: Call, type: View["type"]): z.infer<typeof viewSchema> | Refusal {
  const given = jsonArg(call, "view");
  const parsed = viewSchema.safeParse(given === "malformed" ? undefined : given?.value);
  const messages = parsed.success ? [] : parsed.error.issues.map((issue) => `[ERROR] ${issue.message}`);
  if (!parsed.success || parsed.data.type !== type)
    return refuse("invalid_arguments", { response_metadata: { messages } });
  if (type === "modal" && parsed.data.title === undefined) return refuse("invalid_arguments");
  const checked = checkBlocks(parsed.data.blocks, type);
  if (!checked.ok) return refuse("invalid_arguments", { response_metadata: { messages: [...checked.messages] } });
  return { ...parsed.data, blocks: [...checked.blocks] };
}

function showView(ws: Workspace, type: View["type"], user: string, body: z.infer<typeof viewSchema>) {
  const view: View = { id: `V${randomBytes(5).toString("hex").toUpperCase()}`, type, user, body, open: true };
  ws.views.set(view.id, view);
  ws.changed({ kind: "view", view });
  return { id: view.id, type, team_id: ws.team.id, app_id: ws.app.id, bot_id: ws.app.botId, hash: view.id };
}
