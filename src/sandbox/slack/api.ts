import type { IncomingMessage, ServerResponse } from "node:http";
import { deleteMessage } from "./acts.ts";
import type { Call, Method } from "./calls.ts";
import { readBody, sendJson } from "./http.ts";
import * as chat from "./methods/chat.ts";
import * as conversations from "./methods/conversations.ts";
import * as files from "./methods/files.ts";
import * as people from "./methods/people.ts";
import * as reactions from "./methods/reactions.ts";
import * as rest from "./methods/rest.ts";
import type { Channel, Message, Person, Workspace } from "./model.ts";
import type { RateLimit, Rates, Tier } from "./rates.ts";
import { isRefusal, refuse, type Refusal } from "./wire.ts";
import { findMessage, note } from "./workspace.ts";

interface Entry {
  readonly run: Method;
  readonly tier: Tier;
  /** Any one of these is enough. */
  readonly scopes: readonly string[];
}

const reading = ["channels:read", "groups:read", "im:read"];
const history = ["channels:history", "groups:history", "im:history"];

/** The methods that we serve, with their tier and scopes as docs.slack.dev/reference/methods gives them. */
const methods: Readonly<Record<string, Entry>> = {
  "auth.test": { run: people.authTest, tier: "special", scopes: [] },
  "chat.postMessage": { run: chat.chatPostMessage, tier: "special", scopes: ["chat:write"] },
  "chat.postEphemeral": { run: chat.chatPostEphemeral, tier: "tier4", scopes: ["chat:write"] },
  "chat.update": { run: chat.chatUpdate, tier: "tier3", scopes: ["chat:write"] },
  "chat.delete": { run: chat.chatDelete, tier: "tier3", scopes: ["chat:write"] },
  "chat.getPermalink": { run: chat.chatGetPermalink, tier: "special", scopes: [] },
  "reactions.add": { run: reactions.reactionsAdd, tier: "tier3", scopes: ["reactions:write"] },
  "reactions.remove": { run: reactions.reactionsRemove, tier: "tier2", scopes: ["reactions:write"] },
  "reactions.get": { run: reactions.reactionsGet, tier: "tier3", scopes: ["reactions:read"] },
  "conversations.info": { run: conversations.conversationsInfo, tier: "tier3", scopes: reading },
  "conversations.list": { run: conversations.conversationsList, tier: "tier2", scopes: reading },
  "conversations.members": { run: conversations.conversationsMembers, tier: "tier4", scopes: reading },
  "conversations.history": { run: conversations.conversationsHistory, tier: "tier3", scopes: history },
  "conversations.replies": { run: conversations.conversationsReplies, tier: "tier3", scopes: history },
  "conversations.join": { run: conversations.conversationsJoin, tier: "tier3", scopes: ["channels:join"] },
  "conversations.open": { run: conversations.conversationsOpen, tier: "tier3", scopes: ["im:write"] },
  "users.info": { run: people.usersInfo, tier: "tier4", scopes: ["users:read"] },
  "users.list": { run: people.usersList, tier: "tier2", scopes: ["users:read"] },
  "usergroups.list": { run: people.usergroupsList, tier: "tier2", scopes: ["usergroups:read"] },
  "usergroups.users.list": { run: people.usergroupsUsersList, tier: "tier2", scopes: ["usergroups:read"] },
  "emoji.list": { run: people.emojiList, tier: "tier2", scopes: ["emoji:read"] },
  "files.getUploadURLExternal": { run: files.filesGetUploadUrl, tier: "tier4", scopes: ["files:write"] },
  "files.completeUploadExternal": { run: files.filesCompleteUpload, tier: "tier4", scopes: ["files:write"] },
  "files.info": { run: files.filesInfo, tier: "tier4", scopes: ["files:read"] },
  "pins.add": { run: rest.pinsAdd, tier: "tier2", scopes: ["pins:write"] },
  "bookmarks.add": { run: rest.bookmarksAdd, tier: "tier2", scopes: ["bookmarks:write"] },
  "views.open": { run: rest.viewsOpen, tier: "tier4", scopes: [] },
  "views.publish": { run: rest.viewsPublish, tier: "tier4", scopes: [] },
};

/** Serves `POST /api/{method}`: token, scopes, limits, faults, then the method itself. */
export async function serveApi(
  ws: Workspace,
  rates: Rates,
  limit: RateLimit,
  request: IncomingMessage,
  response: ServerResponse,
  method: string,
): Promise<void> {
  const body = await readBody(request);
  const args = { ...queryOf(request), ...parseArgs(request.headers["content-type"] ?? "", body) };
  if (method === "api.test") return sendJson(response, 200, { ok: true, args });
  if (method === "apps.connections.open") return sendJson(response, 200, openConnection(ws, request, args));
  const call = identify(ws, request, method, args);
  if (isRefusal(call)) return answer(ws, response, method, undefined, call);
  const entry = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (entry === undefined) return answer(ws, response, method, call, refuse("unknown_method"));
  const lacking = missingScope(ws, call, entry);
  if (lacking !== undefined) return answer(ws, response, method, call, lacking);
  const waitSeconds = overLimit(rates, limit, call, entry) ?? (call.byApp ? fault429(ws) : undefined);
  if (waitSeconds !== undefined) {
    note(ws, "api", method, "429", { user: call.caller.name, waitSeconds });
    const headers = { "retry-after": String(waitSeconds) };
    return sendJson(response, 429, { ok: false, error: "ratelimited" }, headers);
  }
  if (call.byApp && ws.faults.happens("http5xxRate")) {
    note(ws, "api", method, "503 (fault)", { user: call.caller.name });
    return sendJson(response, 503, { ok: false, error: "service_unavailable" });
  }
  const refused = call.byApp ? refusedByFault(ws, call) : undefined;
  const result = refused ?? entry.run(ws, call);
  if (method === "chat.postMessage" && call.byApp && refused === undefined) maybeDelete(ws, result);
  answer(ws, response, method, call, result);
}

function refusedByFault(ws: Workspace, { method, args }: Call): Refusal | undefined {
  const hasBlocks = typeof args["blocks"] === "string" && args["blocks"] !== "[]";
  const found = ws.faults.settings.refuse.find((each) => each.method === method && (hasBlocks || !each.onlyWithBlocks));
  return found && refuse(found.error);
}

/** The message that an answer of `chat.postMessage` tells of. */
function messageOf(ws: Workspace, posted: object): { channel: Channel; message: Message } | undefined {
  const channel = "channel" in posted ? ws.channels.get(String(posted.channel)) : undefined;
  const message = channel && "ts" in posted ? findMessage(channel, String(posted.ts)) : undefined;
  return channel && message && { channel, message };
}

const longestDeletionMs = 2_000;

/** An administrator who tidies up. */
function maybeDelete(ws: Workspace, posted: object): void {
  if (isRefusal(posted) || !ws.faults.happens("deleteMessages")) return;
  const found = messageOf(ws, posted);
  if (found === undefined) return;
  const { channel, message } = found;
  const later = setTimeout(() => {
    if (message.deleted) return;
    note(ws, "control", "delete-message", "deleted (fault)", { channel: channel.id, ts: message.ts });
    deleteMessage(ws, channel, message);
  }, ws.faults.upTo(longestDeletionMs));
  later.unref();
}

function fault429(ws: Workspace): number | undefined {
  return ws.faults.happens("http429Rate") ? 1 : undefined;
}

function answer(ws: Workspace, response: ServerResponse, method: string, call: Call | undefined, body: object): void {
  const outcome = isRefusal(body) ? body.error : "ok";
  const user = call?.caller.name;
  const ts = "ts" in body && typeof body.ts === "string" ? body.ts : undefined;
  const channel = call?.args["channel"];
  if (call?.byApp === true && ws.faults.happens("loseResponses")) {
    note(ws, "api", method, `${outcome}, response lost (fault)`, { user, channel, ts });
    const posted = method === "chat.postMessage" ? messageOf(ws, body) : undefined;
    if (posted) posted.message.answerLost = true;
    response.destroy();
    return;
  }
  note(ws, "api", method, outcome, { user, channel, ts });
  sendJson(response, 200, body, { "x-oauth-scopes": ws.app.scopes.join(",") });
}

/** `apps.connections.open`, with the app's own token and no other. */
function openConnection(ws: Workspace, request: IncomingMessage, args: Readonly<Record<string, unknown>>): object {
  const token = tokenOf(request, args);
  if (token === undefined) return refuse("not_authed");
  const isGood = ws.appToken !== undefined && token === ws.appToken.reveal();
  note(ws, "api", "apps.connections.open", isGood ? "ok" : "invalid_auth");
  return isGood && ws.sockets !== undefined ? { ok: true, url: ws.sockets.ticket() } : refuse("invalid_auth");
}

function tokenOf(request: IncomingMessage, args: Readonly<Record<string, unknown>>): string | undefined {
  const inBody = typeof args["token"] === "string" ? args["token"] : undefined;
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? inBody;
  return token === "" ? undefined : token;
}

function identify(
  ws: Workspace,
  request: IncomingMessage,
  method: string,
  args: Readonly<Record<string, unknown>>,
): Call | Refusal {
  const token = tokenOf(request, args);
  if (token === undefined) return refuse("not_authed");
  const byApp = token === ws.botToken.reveal();
  const owner = byApp ? ws.people.get(ws.app.botUserId) : ownerOf(ws, token);
  if (owner === undefined) return refuse("invalid_auth");
  if (owner.deleted) return refuse("account_inactive");
  return { method, args, caller: owner, byApp };
}

function ownerOf(ws: Workspace, token: string): Person | undefined {
  return [...ws.people.values()].find((each) => each.id !== ws.app.botUserId && each.token.reveal() === token);
}

function missingScope(ws: Workspace, call: Call, entry: Entry): Refusal | undefined {
  // People's own tokens may do what the people may; only the app's scopes were granted one by one.
  if (!call.byApp || entry.scopes.length === 0) return undefined;
  if (entry.scopes.some((each) => ws.app.scopes.includes(each))) return undefined;
  return refuse("missing_scope", { needed: entry.scopes.join(","), provided: ws.app.scopes.join(",") });
}

function overLimit(rates: Rates, limit: RateLimit, call: Call, entry: Entry): number | undefined {
  const perMinute = rates.perMinute[entry.tier];
  const wait = limit(`${call.caller.id} ${call.method}`, perMinute / 60, perMinute);
  if (wait !== undefined || call.method !== "chat.postMessage") return wait;
  const key = `${call.caller.id} post ${String(call.args["channel"])}`;
  return limit(key, rates.postsPerSecondPerChannel, rates.postBurst);
}

function queryOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(new URL(request.url ?? "/", "http://slack").searchParams);
}

function parseArgs(contentType: string, body: Buffer | undefined): Record<string, unknown> {
  if (body === undefined || body.length === 0) return {};
  if (!contentType.startsWith("application/json")) return Object.fromEntries(new URLSearchParams(body.toString()));
  try {
    const parsed: unknown = JSON.parse(body.toString());
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
