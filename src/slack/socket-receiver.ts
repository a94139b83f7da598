import { createServer, type Server } from "node:http";
import { type App, type Receiver, SocketModeReceiver } from "@slack/bolt";
import type { Clock } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Log } from "../log.ts";
import { redact, type Secret } from "../redact.ts";
import { quietLogger, slackFault } from "./client.ts";
import { type Intake, Refused } from "./intake.ts";
import { persistFirst } from "./persist-first.ts";
import { answerHealth, closeServer, type Health, listenOn } from "./receiver.ts";

/** What the sockets need. */
export interface SocketDeps {
  readonly intake: Intake;
  readonly appToken: Secret;
  readonly clock: Clock;
  readonly log: Log;
  /** A socket is there (again): what happened meanwhile may never have been sent. */
  onConnect(): void;
  health(): Promise<Health>;
}

/** Slack closes each socket every few hours. With two of them one is there while the other is opened anew. */
const sockets = 2;
/** A socket over which nothing came for so long may be dead without anybody having said so; it is opened anew. */
const quietMs = 15 * 60_000;
const firstPauseMs = 300;
const longestPauseMs = 20_000;
const helloWithinMs = 60_000;

/**
 * Socket Mode: we open the connection, Slack sends over it. The same row before the same acknowledgement; what is not
 * acknowledged Slack sends again. There is no signature: whoever can answer for wss://…slack.com is Slack.
 */
export class SocketReceiver implements Receiver {
  readonly #deps: SocketDeps;
  readonly #stop = new AbortController();
  readonly #links: readonly SocketModeReceiver[];
  readonly #server: Server;
  #keeping: Promise<void>[] = [];

  constructor(deps: SocketDeps, slackApiUrl: string | undefined) {
    this.#deps = deps;
    this.#links = Array.from({ length: sockets }, () => openLink(deps, slackApiUrl));
    this.#server = createServer((request, response) => {
      if (request.method === "GET" && request.url === "/health") void answerHealth(deps, response);
      else response.writeHead(404).end();
    });
  }

  init(app: App): void {
    persistFirst(app, this.#deps.intake, {
      keyOf: ({ envelope }) => String(envelope),
      // our acknowledgement was lost: Slack needs another one, nobody else does
      again: (event) => event.ack(),
    });
    for (const link of this.#links) link.init(app);
  }

  /**
   * Serves `/health` and opens the sockets; resolves when the first one stands.
   * @throws DrawbridgeError `DB_CONFIG` when Slack refuses the token, `DB_WAIT_TIMEOUT` when none stands after a minute.
   */
  async start(at: { readonly port: number; readonly host: string }): Promise<Server> {
    await listenOn(this.#server, at);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#keeping = this.#links.map((link) => this.#keep(link, resolve, reject));
    const late = setTimeout(
      () => reject(new DrawbridgeError("DB_WAIT_TIMEOUT", "Slack opened no socket within a minute")),
      helloWithinMs,
    );
    await promise.finally(() => clearTimeout(late));
    return this.#server;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { client } of this.#links) void client.disconnect();
    await Promise.all([...this.#keeping, closeServer(this.#server)]);
  }

  /** Keeps one socket open until we stop. Slack's own client gives up at the first error that it calls unrecoverable. */
  async #keep(link: SocketModeReceiver, connected: () => void, refused: (error: Error) => void): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#stop;
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const closed = new Promise((resolve) => link.client.once("disconnected", resolve));
      try {
        await link.client.start();
        pauseMs = firstPauseMs;
        this.#deps.onConnect();
        connected();
        const endWatch = renewWhenQuiet(link);
        await Promise.race([closed, aborted(signal)]);
        endWatch();
      } catch (thrown) {
        const fault = slackFault(thrown);
        log.warn({ error: redact(String(thrown)) }, "a socket to Slack could not be opened; tried again");
        if (fault.kind === "refused")
          refused(new DrawbridgeError("DB_CONFIG", `Slack refuses the app token: ${fault.error}`));
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }
}

function openLink({ appToken, log }: SocketDeps, slackApiUrl: string | undefined): SocketModeReceiver {
  return new SocketModeReceiver({
    appToken: appToken.reveal(),
    logger: quietLogger(log.child({ slack: "socket" })),
    // its own reconnecting ends with an unhandled rejection when Slack answers an error
    autoReconnectEnabled: false,
    installerOptions: {
      clientOptions: {
        ...(slackApiUrl === undefined ? {} : { slackApiUrl }),
        retryConfig: { retries: 0 },
        timeout: 10_000,
        allowAbsoluteUrls: false,
      },
    },
    customPropertiesExtractor: ({ envelope_id: envelope }: { envelope_id?: string }) => ({ envelope }),
    processEventErrorHandler: ({ error }) => {
      log.warn({ error: error.message }, "a delivery was not taken");
      // what is refused would be refused again; what could not be stored has to come once more
      return Promise.resolve(error instanceof Refused);
    },
  });
}

/** @returns what ends the watch. */
function renewWhenQuiet({ client }: SocketModeReceiver): () => void {
  let heardAt = Date.now();
  const hear = (): number => (heardAt = Date.now());
  client.on("ws_message", hear);
  const watch = setInterval(() => {
    if (Date.now() - heardAt > quietMs) void client.disconnect();
  }, 60_000);
  watch.unref();
  return () => {
    clearInterval(watch);
    client.off("ws_message", hear);
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
