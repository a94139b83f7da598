import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { transcript } from "./as-text.ts";
import { impossible, type ControlAnswer } from "./control-act.ts";
import { acts } from "./control.ts";
import { allEmoji } from "./emoji.ts";
import { readBody, sendJson, sendText } from "./http.ts";
import type { Change, Workspace } from "./model.ts";
import type { World } from "./server.ts";
import { showChannelMessages, showMessageOnPage, showState, showView } from "./shown.ts";
import { findChannel, note } from "./workspace.ts";

/** Serves `/_control/…`: acts by POST, looks by GET, JSON in and out. */
export async function serveControl(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
): Promise<void> {
  const { ws } = world;
  if (request.method === "GET" && name === "stream") return stream(world, response);
  if (request.method === "GET" && name === "transcript") return sendTranscript(ws, request, response);
  const answer = request.method === "POST" ? await perform(world, request, name) : look(world, request, name);
  if (request.method === "POST") note(ws, "control", name, answer.body.ok ? "ok" : String(answer.body["error"]));
  sendJson(response, answer.status, answer.body);
}

const urlsSchema = z.strictObject({ events: z.url(), commands: z.url(), interactivity: z.url() });

async function perform(world: World, request: IncomingMessage, name: string): Promise<ControlAnswer> {
  const body = await readBody(request);
  let input: unknown;
  try {
    input = body === undefined || body.length === 0 ? {} : JSON.parse(body.toString());
  } catch {
    return impossible("the body is not JSON");
  }
  if (name === "request-urls") {
    const urls = urlsSchema.safeParse(input);
    if (!urls.success) return impossible(z.prettifyError(urls.error));
    return { status: 200, body: { ok: true, ...(await world.setUrls(urls.data)) } };
  }
  const act = Object.hasOwn(acts, name) ? acts[name] : undefined;
  if (act === undefined) return impossible(`no such act: ${name}. There are: ${Object.keys(acts).join(", ")}`, 404);
  return act(world.ws, input);
}

function query(request: IncomingMessage): URLSearchParams {
  return new URL(request.url ?? "/", "http://slack").searchParams;
}

function look(world: World, request: IncomingMessage, name: string): ControlAnswer {
  const { ws } = world;
  const asked = query(request);
  if (name === "state") return { status: 200, body: { ok: true, ...showState(ws, world.pendingEvents()) } };
  if (name === "emoji") return { status: 200, body: { ok: true, emoji: allEmoji() } };
  if (name === "log") {
    const since = Number(asked.get("since") ?? 0);
    return { status: 200, body: { ok: true, log: ws.log.filter((each) => each.seq > since) } };
  }
  if (name === "messages") {
    const channel = findChannel(ws, asked.get("channel") ?? "");
    if (channel === undefined) return impossible(`no such channel: ${asked.get("channel") ?? "(none named)"}`, 404);
    const { id, name: channelName } = channel;
    return {
      status: 200,
      body: { ok: true, channel: { id, name: channelName }, messages: showChannelMessages(ws, channel) },
    };
  }
  return impossible("there are: messages?channel=, state, log?since=, transcript?channel=, emoji, stream", 404);
}

function sendTranscript(ws: Workspace, request: IncomingMessage, response: ServerResponse): void {
  const channel = findChannel(ws, query(request).get("channel") ?? "");
  if (channel === undefined) return sendJson(response, 404, { ok: false, error: "no such channel" });
  sendText(response, 200, transcript(channel, ws));
}

/** Everything as it is, then every change, as server-sent events for the page. */
function stream(world: World, response: ServerResponse): void {
  const { ws } = world;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const send = (kind: string, data: object | undefined): void => {
    response.write(`event: ${kind}\ndata: ${JSON.stringify(data ?? null)}\n\n`);
  };
  send("state", showState(ws, world.pendingEvents()));
  const all = [...ws.channels.values()].flatMap((each) => each.messages.filter((message) => !message.deleted));
  send(
    "messages",
    all.map((each) => showMessageOnPage(ws, each)),
  );
  const end = world.watch((change: Change) => {
    if (change.kind === "message") send("message", { what: change.what, ...showMessageOnPage(ws, change.message) });
    else if (change.kind === "hint") send("hint", ws.hint);
    else if (change.kind === "view") send("view", showView(ws, change.view));
    else send("state", showState(ws, world.pendingEvents()));
  });
  response.on("close", end);
}
