import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../log.ts";
import type { Faults } from "./faults.ts";
import { page } from "./paging.ts";
import type { Platform } from "./platform.ts";
import { Refusal } from "./refusal.ts";
import { type Answer, findRoute } from "./routes.ts";
import type { World } from "./world.ts";

export interface ApiParts {
  readonly world: World;
  readonly platform: Platform;
  readonly faults: Faults;
  readonly tokens: ReadonlySet<string>;
  /** Requests that the account may make at once, and how many come back each minute (Heroku: 4,500 and 75). */
  readonly pool: { readonly size: number; readonly perMinute: number };
  readonly log: Log;
}

interface Pool {
  take(): boolean;
  remaining(): number;
}

/** One pool for the account, refilled steadily. */
function openPool({ size, perMinute }: ApiParts["pool"]): Pool {
  let level = size;
  let at = Date.now();
  const refill = () => {
    const now = Date.now();
    level = Math.min(size, level + ((now - at) / 60_000) * perMinute);
    at = now;
  };
  return {
    take: () => {
      refill();
      if (level < 1) return false;
      level -= 1;
      return true;
    },
    remaining: () => {
      refill();
      return Math.floor(level);
    },
  };
}

/** The Platform API over HTTP: transport rules, refusals and faults; what the calls do stands in the routes. */
export function createApi(parts: ApiParts): Server {
  const pool = openPool(parts.pool);
  return createServer((request, response) => {
    serve(parts, pool, request, response).catch((thrown: unknown) => {
      parts.log.error({ cause: String(thrown) }, "heroku stand-in failed");
      response.destroy();
    });
  });
}

async function serve(parts: ApiParts, pool: Pool, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = request.method ?? "GET";
  const path = new URL(request.url ?? "/", "http://heroku").pathname;
  const text = await readBody(request);
  const strikes = (name: Parameters<Faults["strikes"]>[0]) => parts.faults.strikes(name, method, path);
  let answer: Answer;
  try {
    demandHeaders(parts, request, path);
    if (strikes("two-factor") !== undefined) {
      throw new Refusal(403, "two_factor", "A second authentication factor or pre-authorization is required.");
    }
    answer = await act(parts, pool, { method, path, text });
    if (strikes("error-after-apply") !== undefined)
      throw new Refusal(500, "internal_server_error", "Internal server error.");
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    answer = { status: thrown.status, body: { id: thrown.id, message: thrown.message } };
  }
  const late = strikes("slow");
  if (late !== undefined) await delay(late.ms ?? 1_000);
  if (strikes("lost-response") !== undefined) {
    request.socket.destroy();
    return;
  }
  send(response, answer, pool.remaining(), request.headers.range);
}

async function act(
  parts: ApiParts,
  pool: Pool,
  { method, path, text }: { readonly method: string; readonly path: string; readonly text: string },
): Promise<Answer> {
  if (path === "/account/rate-limits") return { body: { remaining: pool.remaining() } };
  if (parts.faults.strikes("rate-limited", method, path) !== undefined || !pool.take()) {
    throw new Refusal(
      429,
      "rate_limit",
      "Your account reached the API rate limit. Please wait a few minutes before making new requests",
    );
  }
  if (parts.faults.strikes("server-error", method, path) !== undefined) {
    throw new Refusal(503, "service_unavailable", "Service unavailable, please try again later.");
  }
  const { world, platform } = parts;
  const route = findRoute(method, path);
  return route.answer({ world, platform, params: route.params, body: parseJson(text) });
}

/** @throws Refusal 406 without the version, 401 without a token of ours (Bearer, or Basic with the token as password). */
function demandHeaders(parts: ApiParts, request: IncomingMessage, path: string): void {
  const accept = request.headers.accept ?? "";
  if (!path.startsWith("/client/") && !/application\/vnd\.heroku\+json; ?version=3(\.|,|;|$)/.test(accept)) {
    throw new Refusal(
      406,
      "not_acceptable",
      'The "Accept" header should be set to "application/vnd.heroku+json; version=3".',
    );
  }
  const [scheme = "", value = ""] = (request.headers.authorization ?? "").split(" ");
  const basic = () =>
    Buffer.from(value, "base64")
      .toString()
      .replace(/^[^:]*:/, "");
  if (!parts.tokens.has(scheme.toLowerCase() === "basic" ? basic() : value)) {
    throw new Refusal(401, "unauthorized", "Invalid credentials provided.");
  }
}

function parseJson(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "bad_request", "Unable to parse the JSON in the request body.");
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, answer: Answer, remaining: number, range: string | undefined): void {
  const paged = page(answer.body, range);
  const status = paged.nextRange === undefined ? (answer.status ?? 200) : 206;
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Request-Id": randomUUID(),
    "RateLimit-Remaining": String(remaining),
    ...(paged.acceptRanges === undefined ? {} : { "Accept-Ranges": paged.acceptRanges }),
    ...(paged.nextRange === undefined ? {} : { "Next-Range": paged.nextRange }),
  });
  response.end(JSON.stringify(paged.body));
}
