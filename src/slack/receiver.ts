import { type App, HTTPReceiver, type ReceiverEvent } from "@slack/bolt";
import type { Clock } from "../clock.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import { quietLogger } from "./client.ts";
import { type Body, checkOrigin, checkTimestamp, Refused, takeIn, type Taken } from "./intake.ts";
import type { BotSettings } from "./settings.ts";
import type { Trouble } from "./troubles.ts";

/** The largest body that is read, in bytes. Slack's own stay far below. */
const mostBytes = 256 * 1024;

/** What the receiver needs. */
export interface ReceiverDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
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

/** What the storing hands to the listeners. */
export function takenOf(context: { readonly [key: string]: unknown }): Taken | undefined {
  const taken = context["taken"];
  return isTaken(taken) ? taken : undefined;
}

/** Only what was stored here counts, whatever else the context may carry. */
const stored = new WeakSet<object>();

function isTaken(value: unknown): value is Taken {
  return typeof value === "object" && value !== null && stored.has(value);
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
    const { journal, settings, clock } = this.#deps;
    const process = app.processEvent.bind(app);
    // Bolt acknowledges events before any listener runs: what is not stored by then is lost when we die
    app.processEvent = async (event: ReceiverEvent): Promise<void> => {
      const { timestamp, signature } = event.customProperties ?? {};
      checkTimestamp(timestamp, clock.now());
      const body: Body = event.body;
      checkOrigin(body, settings);
      const taken = await takeIn(journal, settings, body, String(signature));
      stored.add(taken);
      if (!taken.isNew) return refuseAgain(event, taken);
      await process({ ...event, customProperties: { ...event.customProperties, taken } });
    };
    super.init(app);
  }
}

/** Slack repeats events until it has its 200; anything else that comes twice is a replay. */
async function refuseAgain(event: ReceiverEvent, taken: Taken): Promise<void> {
  if (taken.kind !== "event") throw new Refused(409, "the same request was taken before");
  await event.ack();
}

async function answerHealth(
  deps: ReceiverDeps,
  response: { writeHead(status: number, headers: Record<string, string>): { end(text: string): unknown } },
): Promise<void> {
  const state: Health = await deps.health().catch(() => ({ ok: false, troubles: [] }));
  response.writeHead(state.ok ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify(state));
}
