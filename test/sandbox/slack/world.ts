import { randomBytes } from "node:crypto";
import { Server } from "node:net";
import { App, HTTPReceiver } from "@slack/bolt";
import { LogLevel, WebClient } from "@slack/web-api";
import { z } from "zod";
import { Secret } from "../../../src/redact.ts";
import { startSlack, type SlackOptions, type SlackStandIn } from "../../../src/sandbox/slack/server.ts";

/** Fresh secrets, as an installation would have. */
export const secrets = () => ({
  signingSecret: new Secret(randomBytes(16).toString("hex")),
  botToken: new Secret(`xoxb-${randomBytes(12).toString("hex")}`),
});

/** A client that gives up at once, so that refusals can be seen. */
export function client(slack: SlackStandIn, token: Secret): WebClient {
  return new WebClient(token.reveal(), {
    slackApiUrl: slack.apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: 5000,
    logLevel: LogLevel.ERROR,
  });
}

/** The stand-in with a client of the bot. */
export async function openSlack(options: Partial<SlackOptions> = {}) {
  const keys = secrets();
  const slack = await startSlack({ ...keys, ...options });
  return { slack, keys, bot: client(slack, options.botToken ?? keys.botToken) };
}

const failure = z.object({ code: z.string().optional(), data: z.object({ error: z.string().optional() }).optional() });

/** The word with which Slack refused a call; "ok" when it did not. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    const seen = failure.safeParse(error).data;
    return seen?.data?.error ?? seen?.code ?? String(error);
  }
}

/** A Bolt app over HTTP with the real signature check, known to the stand-in. */
export async function openBolt(slack: SlackStandIn, keys: ReturnType<typeof secrets>) {
  const receiver = new HTTPReceiver({ signingSecret: keys.signingSecret.reveal(), logLevel: LogLevel.ERROR });
  const app = new App({
    token: keys.botToken.reveal(),
    receiver,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  });
  const port = portOf(await app.start(0));
  const url = `http://127.0.0.1:${port}/slack/events`;
  const { verified } = await slack.setRequestUrls({ events: url, commands: url, interactivity: url });
  return { app, url, verified, stop: () => app.stop() };
}

/** The port that a server got. */
export function portOf(server: unknown): number {
  const address = server instanceof Server ? server.address() : undefined;
  if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
  return address.port;
}

/** Any JSON object, and a list of them. */
export const facts = z.record(z.string(), z.unknown());
export const factsList = z.array(facts);

/** An act of a person, or a look, over the control interface. */
export async function control(slack: SlackStandIn, path: string, body?: object): Promise<Record<string, unknown>> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(`${slack.control}/${path}`, init);
  return facts.parse(await answer.json());
}
