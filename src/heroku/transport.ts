import Request from "heroku-client/lib/request.js";
import { z } from "zod";
import { DrawbridgeError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";

/** What became of one request. `unknown`: no answer, or a 5xx; Heroku may have acted on it or may still do so. */
export type Outcome =
  | { readonly kind: "answered"; readonly body: unknown }
  | { readonly kind: "refused"; readonly status: number; readonly id: string; readonly error: DrawbridgeError }
  | { readonly kind: "unknown"; readonly error: DrawbridgeError };

/** One request of the Platform API. */
export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: object;
  /** Heroku's paging header, for instance `version ..; order=desc,max=5`. Only the first page is then asked for. */
  readonly range?: string;
}

/** Sends requests, each exactly once. */
export interface Transport {
  /** Sends one request one time and says what became of it; throws nothing. */
  send(call: Call): Promise<Outcome>;
  /** The account's remaining requests as of the last answer; undefined before the first. */
  remaining(): number | undefined;
}

/** Where Heroku is and who we are. */
export interface TransportOptions {
  readonly apiUrl: string;
  readonly token: Secret;
  readonly log: Log;
  /** How long one answer may take; 20,000 unless told. */
  readonly requestTimeoutMs?: number;
}

const failure = z.object({
  statusCode: z.number(),
  body: z.object({ id: z.string(), message: z.string() }).partial().catch({}),
});

interface Seen {
  requestId?: string;
}

/**
 * heroku-client with its hazards taken out (each was measured):
 * it re-sends a POST or PATCH whose connection broke, up to four times: switched off, since we look before we repeat;
 * with its `timeout` option an abandoned request is re-sent in the background: never used, the race is outside;
 * a 304 ends the process: `If-None-Match` is never sent.
 */
export function openTransport(options: TransportOptions): Transport {
  const requestTimeoutMs = options.requestTimeoutMs ?? 20_000;
  let remaining: number | undefined;
  return {
    remaining: () => remaining,
    send: async (call) => {
      const seen: Seen = {};
      const request = new Request({
        host: options.apiUrl,
        token: options.token.reveal(),
        method: call.method,
        path: call.path,
        headers: call.range === undefined ? {} : { Range: call.range },
        ...(call.range === undefined ? {} : { partial: true }),
        ...(call.body === undefined ? {} : { body: call.body }),
        middleware: (response, next) => {
          const { "request-id": requestId, "ratelimit-remaining": left } = response.headers;
          if (typeof requestId === "string") seen.requestId = requestId;
          if (typeof left === "string" && /^\d+$/.test(left)) remaining = Number(left);
          next();
        },
      });
      request.isRetryAllowed = () => false;
      const outcome = await settle(request.request(), call, seen, requestTimeoutMs);
      options.log.debug(
        { method: call.method, path: call.path, outcome: outcome.kind, requestId: seen.requestId, remaining },
        "heroku call",
      );
      return outcome;
    },
  };
}

/** Awaits the answer for at most `timeoutMs`; giving up says nothing about what Heroku does with the request. */
async function settle(answer: Promise<unknown>, call: Call, seen: Seen, timeoutMs: number): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<"timeout">((resolve) => {
    timer = setTimeout(resolve, timeoutMs, "timeout");
  });
  try {
    const first = await Promise.race([answer.then((body) => ({ body })), timeout]);
    if (first !== "timeout") return { kind: "answered", body: first.body };
    answer.catch(() => undefined);
    return { kind: "unknown", error: fault(call, `no answer within ${timeoutMs} ms`, seen) };
  } catch (thrown) {
    return judge(thrown, call, seen);
  } finally {
    clearTimeout(timer);
  }
}

function judge(thrown: unknown, call: Call, seen: Seen): Outcome {
  const read = failure.safeParse(thrown);
  if (!read.success) {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    return { kind: "unknown", error: fault(call, `the connection broke (${words})`, seen, thrown) };
  }
  const { statusCode: status, body } = read.data;
  const id = body.id ?? "no id";
  const words = `${status} ${id}: ${body.message ?? "no message"}`;
  if (status >= 500) return { kind: "unknown", error: fault(call, words, seen) };
  return { kind: "refused", status, id, error: fault(call, words, seen, undefined, status) };
}

/** 401 and 403 wait for a person's token; 429 refills at 75 a minute; what else is refused stays refused. */
function fault(call: Call, words: string, seen: Seen, cause?: unknown, status?: number): DrawbridgeError {
  const request = seen.requestId === undefined ? "" : ` (request ${seen.requestId})`;
  const message = `Heroku: ${call.method} ${call.path}: ${words}${request}`;
  if (status === undefined) return new DrawbridgeError("DB_HEROKU", message, { cause, retryAfterMs: 2_000 });
  if (status === 429) return new DrawbridgeError("DB_HEROKU", message, { retryAfterMs: 30_000 });
  const outcome = status === 401 || status === 403 ? "paused" : "terminal";
  return new DrawbridgeError("DB_HEROKU", message, { outcome });
}
