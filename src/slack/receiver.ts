import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { App, Receiver } from "@slack/bolt";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { redact, type Secret } from "../redact.ts";
import { type Body, checkTimestamp, type Intake, isForm, Refused } from "./intake.ts";
import { persistFirst } from "./persist-first.ts";
import { parseBody, readBody } from "./request-body.ts";
import type { Trouble } from "./troubles.ts";

/** The largest body that is read, in bytes. Slack's own stay far below. */
const mostBytes = 256 * 1024;

/** What the receiver needs. */
export interface ReceiverDeps {
  readonly intake: Intake;
  readonly signingSecret: Secret;
  readonly clock: Clock;
  readonly log: Log;
  /** For `/health`; rejects when the bot cannot do its work. */
  health(): Promise<Health>;
}

/** How the bot is. `troubles` are what people have to mend in Slack; the bot itself is well all the same. */
export interface Health {
  readonly ok: boolean;
  readonly troubles: readonly Trouble[];
}

/**
 * Slack's signed HTTP requests. Ours instead of Bolt's receiver, which reads all of a body that is too large, dies of a signed
 * `null`, and keeps a timer and a complaint for each request that is refused. In order: size, time, content type, signature,
 * shape; then origin and a committed row (`persistFirst`); then Bolt.
 */
export class HttpReceiver implements Receiver {
  readonly #deps: ReceiverDeps;
  readonly #server: Server;
  readonly #key: KeyObject;
  #app: App | undefined;

  constructor(deps: ReceiverDeps) {
    this.#deps = deps;
    this.#key = createSecretKey(deps.signingSecret.reveal(), "utf8");
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // whoever sends slowly, or nothing, does not keep a connection
    this.#server.headersTimeout = 10_000;
    this.#server.requestTimeout = 15_000;
  }

  init(app: App): void {
    this.#app = app;
    persistFirst(app, this.#deps.intake, {
      keyOf: ({ signature }) => String(signature),
      // Slack repeats events until it has its 200; anything else that comes twice is a replay
      again: async (event, taken) => {
        if (taken.kind !== "event") throw new Refused(409, "the same request was taken before");
        await event.ack();
      },
    });
  }

  /** Listens; resolves with the server once it does. */
  start(at: { readonly port: number; readonly host: string }): Promise<Server> {
    return listenOn(this.#server, at);
  }

  /** Ends after the requests in hand. */
  stop(): Promise<void> {
    return closeServer(this.#server);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const path = request.url?.split("?")[0];
      if (request.method === "GET" && path === "/health") return await answerHealth(this.#deps, response);
      if (request.method !== "POST" || path !== "/slack/events") throw new Refused(404, "no such address");
      await this.#take(request, response);
    } catch (error) {
      const status = error instanceof Refused ? error.status : 500;
      this.#deps.log.warn({ status, error: redact(String(error)) }, "a request was not taken");
      // the rest of what was refused is not read
      if (!response.headersSent) response.writeHead(status, { connection: "close" }).end();
    }
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    const text = (await readBody(request, mostBytes)).toString();
    const form = isForm(headers["content-type"]);
    // Slack's check of our certificate is not signed; what else may be in it is not looked at
    if (form && new URLSearchParams(text).get("ssl_check") === "1") return void response.writeHead(200).end();
    this.#checkSignature(headers, text);
    const body = parseBody(text, form);
    if (body["type"] === "url_verification") return answerJson(response, { challenge: String(body["challenge"]) });
    await this.#app?.processEvent({
      body: { ...body },
      ...retryOf(headers),
      customProperties: { signature: headers["x-slack-signature"] },
      ack: (said: unknown) => Promise.resolve(acknowledge(response, said)),
    });
    // stored, but nobody listens for it
    if (!response.headersSent) response.writeHead(200).end();
  }

  #checkSignature(headers: IncomingMessage["headers"], body: string): void {
    const now = this.#deps.clock.now();
    const timestamp = headers["x-slack-request-timestamp"];
    const signature = headers["x-slack-signature"];
    checkTimestamp(timestamp, now);
    if (!isSignature(this.#key, `v0:${String(timestamp)}:${body}`, signature))
      throw new Refused(401, "a signature that is not Slack's");
  }
}

/**
 * Whether Slack made the signature: `v0=` and the HMAC-SHA256 of `v0:timestamp:body` in hex. Ours instead of Bolt's, which makes
 * a new key for each request and three hashes, a seventh of the bot's time under load.
 * Source: docs.slack.dev/authentication/verifying-requests-from-slack.
 */
function isSignature(key: KeyObject, signed: string, signature: unknown): boolean {
  if (typeof signature !== "string") return false;
  const expected = Buffer.from(`v0=${createHmac("sha256", key).update(signed).digest("hex")}`);
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function retryOf(headers: IncomingMessage["headers"]): { retryNum?: number; retryReason?: string } {
  const [times, reason] = [Number(headers["x-slack-retry-num"]), headers["x-slack-retry-reason"]];
  return Number.isInteger(times) ? { retryNum: times, retryReason: String(reason) } : {};
}

/** A listener's word to Slack, once. */
function acknowledge(response: ServerResponse, said: unknown): void {
  if (response.headersSent) return;
  if (typeof said === "object" && said !== null) return answerJson(response, said);
  response.writeHead(200).end(typeof said === "string" ? said : "");
}

function answerJson(response: ServerResponse, body: Body | object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Answers `GET /health`. */
export async function answerHealth(deps: Pick<ReceiverDeps, "health">, response: ServerResponse): Promise<void> {
  const state: Health = await deps.health().catch(() => ({ ok: false, troubles: [] }));
  response.writeHead(state.ok ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify(state));
}

/** Starts to listen; rejects when the address is taken. */
export function listenOn(server: Server, at: { readonly port: number; readonly host: string }): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.host, () => resolve(server));
  });
}

/** Ends after the requests in hand, or after three seconds. */
export async function closeServer(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), 3_000);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}
