import { type App, HTTPReceiver } from "@slack/bolt";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import { quietLogger } from "./client.ts";
import { checkContentType, checkTimestamp, type Intake, Refused } from "./intake.ts";
import { persistFirst } from "./persist-first.ts";
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

/** Bolt's HTTP receiver, with three things before it answers: time, origin, and a committed row. */
export function openReceiver(deps: ReceiverDeps): HTTPReceiver {
  return new StoringReceiver(deps);
}

class StoringReceiver extends HTTPReceiver {
  readonly #deps: ReceiverDeps;
  constructor(deps: ReceiverDeps) {
    super({
      signingSecret: deps.signingSecret.reveal(),
      endpoints: ["/slack/events"],
      bodyLimit: mostBytes,
      logger: quietLogger(deps.log),
      customRoutes: [
        { path: "/health", method: "GET", handler: (_request, response) => void answerHealth(deps, response) },
      ],
      customPropertiesExtractor: ({ headers }) => ({
        timestamp: headers["x-slack-request-timestamp"],
        signature: headers["x-slack-signature"],
        contentType: headers["content-type"],
      }),
      dispatchErrorHandler: ({ response }) => {
        response.writeHead(404).end();
      },
      processEventErrorHandler: ({ error, response }) => {
        const status = error instanceof Refused ? error.status : 500;
        deps.log.warn({ status, error: error.message }, "a request was not taken");
        if (!response.headersSent) response.writeHead(status).end();
        return Promise.resolve(false);
      },
    });
    this.#deps = deps;
  }

  override init(app: App): void {
    const { intake, clock } = this.#deps;
    persistFirst(app, intake, {
      keyOf: ({ timestamp, signature, contentType }) => {
        checkTimestamp(timestamp, clock.now());
        checkContentType(contentType);
        return String(signature);
      },
      // Slack repeats events until it has its 200; anything else that comes twice is a replay
      again: async (event, taken) => {
        if (taken.kind !== "event") throw new Refused(409, "the same request was taken before");
        await event.ack();
      },
    });
    super.init(app);
  }
}

/** Answers `GET /health`. */
export async function answerHealth(
  deps: Pick<ReceiverDeps, "health">,
  response: { writeHead(status: number, headers: Record<string, string>): { end(text: string): unknown } },
): Promise<void> {
  const state: Health = await deps.health().catch(() => ({ ok: false, troubles: [] }));
  response.writeHead(state.ok ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify(state));
}
