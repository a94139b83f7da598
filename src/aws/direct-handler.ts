import { validateHeaderValue } from "node:http";
import type { ConnectionOptions } from "node:tls";
import { NodeHttpHandler, type NodeHttpHandlerOptions } from "@smithy/node-http-handler";
import { DirectBody } from "./direct-body.ts";
import { DirectSocket, type Origin, type SocketTimes } from "./direct-socket.ts";
import type { ResponseHead } from "./response-head.ts";

type Request = Parameters<NodeHttpHandler["handle"]>[0];
type Options = NonNullable<Parameters<NodeHttpHandler["handle"]>[1]>;
type Response = Awaited<ReturnType<NodeHttpHandler["handle"]>>;

/** Added to the options of `send`: this answer's body is wanted as fast as it comes. */
export const directly = { directly: true } as const;

/** Codes that the SDK tries again under this name, as `NodeHttpHandler` has it. */
const passing = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/**
 * The SDK's HTTP handler, with connections of our own for the answers that are large: the SDK signs, judges and repeats as ever.
 * What is not a plain answer of known length is asked for again in the usual way.
 */
export class DirectHandler extends NodeHttpHandler {
  readonly #times: SocketTimes;
  readonly #secure: ConnectionOptions;
  /** Connections that wait for a request, by origin. */
  readonly #idle = new Map<string, DirectSocket[]>();

  /** `secure`: more for TLS, such as another authority. */
  constructor(options: NodeHttpHandlerOptions, times: SocketTimes, secure: ConnectionOptions = {}) {
    super(options);
    this.#times = times;
    this.#secure = secure;
  }

  override async handle(request: Request, options: Options = {}): Promise<Response> {
    const isPlain = request.method === "GET" && request.body === undefined && "directly" in options;
    const response = isPlain ? await this.#ask(request, options) : undefined;
    return response ?? super.handle(request, options);
  }

  override destroy(): void {
    for (const sockets of this.#idle.values()) for (const socket of sockets) socket.destroy();
    super.destroy();
  }

  async #ask(request: Request, { abortSignal }: Options): Promise<Response | undefined> {
    const text = requestText(request);
    const origin = originOf(request);
    for (;;) {
      const waiting = this.#takeIdle(origin);
      const socket = waiting ?? this.#open(origin);
      try {
        const head = await askUnless(abortSignal, socket, text);
        if (head.bodyBytes !== undefined) return { response: responseOf(head, socket) };
        socket.destroy();
        return undefined;
      } catch (fault) {
        // the server may have closed one that waited; that says nothing about the next
        if (waiting === undefined || isAborted(abortSignal)) throw named(fault);
      }
    }
  }

  #open(origin: Origin): DirectSocket {
    const socket = new DirectSocket(origin, this.#times, this.#secure);
    const free = this.#idle.get(keyOf(origin)) ?? [];
    this.#idle.set(keyOf(origin), free);
    socket.onFree = () => {
      if (!socket.isUsable) return;
      socket.hold(false);
      free.push(socket);
    };
    socket.onClose = () => {
      const at = free.indexOf(socket);
      if (at >= 0) free.splice(at, 1);
    };
    return socket;
  }

  #takeIdle(origin: Origin): DirectSocket | undefined {
    const socket = this.#idle.get(keyOf(origin))?.pop();
    if (socket?.isUsable !== true) return undefined;
    socket.hold(true);
    return socket;
  }
}

function originOf({ protocol, hostname, port }: Request): Origin {
  const isSecure = protocol !== "http:";
  return { isSecure, host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port ?? (isSecure ? 443 : 80) };
}

function keyOf({ isSecure, host, port }: Origin): string {
  return `${isSecure ? "https" : "http"}://${host}:${port}`;
}

/** @throws TypeError for a header that would not be one. */
function requestText({ method, path, query, headers }: Request): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => escaped(name) + (one === null ? "" : `=${escaped(one)}`)),
  );
  const lines = Object.entries(headers).map(([name, value]) => {
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return `${method} ${path}${pairs.length === 0 ? "" : `?${pairs.join("&")}`} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** As the signature counts it (RFC 3986). */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The SDK also knows a signal of its own, which only has `onabort`; we give it none of those. */
type Signal = Options["abortSignal"];

async function askUnless(signal: Signal, socket: DirectSocket, text: string): Promise<ResponseHead> {
  const stop = (): void => socket.destroy(Object.assign(new Error("Request aborted"), { name: "AbortError" }));
  const known = signal instanceof AbortSignal ? signal : undefined;
  known?.addEventListener("abort", stop);
  try {
    if (isAborted(signal)) stop();
    return await socket.ask(text);
  } finally {
    known?.removeEventListener("abort", stop);
  }
}

function isAborted(signal: Signal): boolean {
  return signal?.aborted === true;
}

function responseOf({ statusCode, headers }: ResponseHead, socket: DirectSocket): Response["response"] {
  return { statusCode, headers, body: new DirectBody(socket) };
}

function named(fault: unknown): unknown {
  if (fault instanceof Error && "code" in fault && passing.has(String(fault.code))) fault.name = "TimeoutError";
  return fault;
}
