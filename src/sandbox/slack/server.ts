import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { systemClock, type Clock } from "../../clock.ts";
import { silentLog, type Log } from "../../log.ts";
import type { Secret } from "../../redact.ts";
import { serveApi } from "./api.ts";
import { useResponseUrl } from "./approach.ts";
import * as cast from "./cast.ts";
import type { ChannelSpec } from "./cast.ts";
import { serveControl } from "./control-routes.ts";
import { defaultRetryDelaysMs, openCourier } from "./deliver.ts";
import { noFaults } from "./faults.ts";
import { readBody, sendJson, sendText } from "./http.ts";
import { receiveUpload } from "./methods/files.ts";
import type { AppIdentity, Change, Channel, Person, RequestUrls, Team, UserGroup, Workspace } from "./model.ts";
import { servePage } from "./page.ts";
import { openRateLimit, slackRates, type RateLimit, type Rates } from "./rates.ts";
import { openSockets } from "./sockets.ts";
import { verifyUrl } from "./verify-url.ts";
import { note, openChannel } from "./workspace.ts";

/** How the stand-in is set up. What is not given comes from cast.ts. */
export interface SlackOptions {
  readonly signingSecret: Secret;
  readonly botToken: Secret;
  /** With it the app may open sockets (Socket Mode). */
  readonly appToken?: Secret;
  readonly team?: Team;
  readonly app?: AppIdentity;
  readonly people?: readonly Person[];
  readonly channels?: readonly ChannelSpec[];
  readonly userGroups?: readonly UserGroup[];
  readonly urls?: RequestUrls;
  /** Limits before 429; Slack's own unless told. */
  readonly rates?: Rates;
  /** When an event that was not taken is sent again, in milliseconds after the failure. */
  readonly retryDelaysMs?: readonly number[];
  readonly log?: Log;
  readonly clock?: Clock;
}

/** A running stand-in. Every URL is on loopback, at a port that was free. */
export interface SlackStandIn extends AsyncDisposable {
  /** Base URL; the Web API is at `${url}/api/`. */
  readonly url: string;
  readonly apiUrl: string;
  readonly control: string;
  readonly page: string;
  readonly workspace: Workspace;
  readonly people: ReadonlyMap<string, Person>;
  readonly channels: ReadonlyMap<string, Channel>;
  /** Names the app's addresses; each is asked to answer Slack's `url_verification` first. */
  readonly setRequestUrls: (urls: RequestUrls) => Promise<{ readonly verified: boolean }>;
  /** Calls `listener` at each change of a message, the hint or the workspace; gives the way to end that. */
  readonly watch: (listener: (change: Change) => void) => () => void;
  readonly stop: () => Promise<void>;
}

/** Starts a workspace with a Web API, events, slash commands, interactions, a page and a control interface. */
export async function startSlack(options: SlackOptions): Promise<SlackStandIn> {
  const watchers = new Set<(change: Change) => void>();
  const ws = openWorkspace(options, watchers);
  const courier = openCourier(ws, options.retryDelaysMs ?? defaultRetryDelaysMs);
  ws.sendEvent = courier.send;
  const world: World = {
    ws,
    rates: options.rates ?? slackRates,
    limit: openRateLimit(ws.clock),
    watch: (listener) => {
      watchers.add(listener);
      return () => void watchers.delete(listener);
    },
    pendingEvents: courier.pending,
    setUrls: (urls) => setUrls(ws, urls),
  };
  const server = createServer((request, response) => void serve(world, request, response));
  ws.sockets = openSockets(ws);
  server.on("upgrade", (request, socket) => ws.sockets?.upgrade(request, socket));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  ws.baseUrl = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await courier.close();
    ws.sockets?.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  if (options.urls !== undefined) await world.setUrls(options.urls);
  return {
    url: ws.baseUrl,
    apiUrl: `${ws.baseUrl}/api/`,
    control: `${ws.baseUrl}/_control`,
    page: `${ws.baseUrl}/`,
    workspace: ws,
    people: ws.people,
    channels: ws.channels,
    setRequestUrls: world.setUrls,
    watch: world.watch,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What the routes need beside the workspace. */
export interface World {
  readonly ws: Workspace;
  readonly rates: Rates;
  readonly limit: RateLimit;
  readonly watch: (listener: (change: Change) => void) => () => void;
  readonly pendingEvents: () => number;
  readonly setUrls: (urls: RequestUrls) => Promise<{ readonly verified: boolean }>;
}

function openWorkspace(options: SlackOptions, watchers: ReadonlySet<(change: Change) => void>): Workspace {
  const slackbot = cast.person("USLACKBOT", "slackbot", "Slackbot", "Slack itself");
  const people = [...(options.people ?? cast.defaultPeople()), slackbot];
  const channels = (options.channels ?? cast.defaultChannels).map((spec) => openChannel(spec));
  const groups = options.userGroups ?? cast.defaultUserGroups();
  return {
    team: options.team ?? cast.team,
    app: options.app ?? cast.app,
    people: new Map(people.map((each) => [each.id, each])),
    channels: new Map(channels.map((each) => [each.id, each])),
    userGroups: new Map(groups.map((each) => [each.id, each])),
    files: new Map(),
    views: new Map(),
    triggers: new Map(),
    responseUrls: new Map(),
    log: [],
    clock: options.clock ?? systemClock,
    logger: options.log ?? silentLog,
    signingSecret: options.signingSecret,
    botToken: options.botToken,
    appToken: options.appToken,
    sockets: undefined,
    faults: noFaults(),
    urls: undefined,
    hint: undefined,
    baseUrl: "",
    lastMicros: 0,
    sendEvent: () => undefined,
    changed: (change) => {
      for (const watcher of watchers) watcher(change);
    },
  };
}

async function setUrls(ws: Workspace, urls: RequestUrls): Promise<{ readonly verified: boolean }> {
  const verified = await verifyUrl(ws, urls.events);
  // Slack refuses to save a URL that did not answer; here the script learns of it and may go on.
  ws.urls = urls;
  ws.changed({ kind: "workspace" });
  return { verified };
}

async function serve(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://slack").pathname;
  try {
    const [, room = "", rest = ""] = /^\/([^/]*)\/?(.*)$/.exec(path) ?? [];
    if (room === "api") return await serveApi(world.ws, world.rates, world.limit, request, response, rest);
    if (room === "_control") return await serveControl(world, request, response, rest);
    if (room === "upload") return await serveUpload(world.ws, request, response, rest);
    if (room === "commands" || room === "actions") return await serveResponseUrl(world.ws, request, response, path);
    return await servePage(world.ws, response, path);
  } catch (error) {
    world.ws.logger.error({ path, error: String(error) }, "the Slack stand-in failed");
    if (!response.headersSent) sendJson(response, 500, { ok: false, error: "internal_error" });
    else response.destroy();
  }
}

async function serveUpload(
  ws: Workspace,
  request: IncomingMessage,
  response: ServerResponse,
  rest: string,
): Promise<void> {
  const file = ws.files.get(rest.replace(/^v1\//, ""));
  const body = await readBody(request);
  const taken = file !== undefined && body !== undefined;
  const good = taken && (await receiveUpload(file, request.headers["content-type"] ?? "", body));
  note(ws, "upload", file?.name ?? rest, good ? "ok" : "refused", { bytes: body?.length });
  sendText(response, good ? 200 : taken ? 400 : 404, good ? `OK - ${file.declaredBytes}` : "refused");
}

async function serveResponseUrl(
  ws: Workspace,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const body = await readBody(request);
  const problem = useResponseUrl(ws, path, body?.toString() ?? "");
  note(ws, "response_url", "use", problem ?? "ok");
  if (problem === undefined) sendText(response, 200, "ok");
  else sendJson(response, problem === "invalid_payload" ? 400 : 404, { ok: false, error: problem });
}
