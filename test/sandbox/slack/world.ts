import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { App, HTTPReceiver } from "@slack/bolt";
import { LogLevel, WebClient } from "@slack/web-api";
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

/** The word with which Slack refused a call; "ok" when it did not. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    const data = (error as { data?: { error?: string }; code?: string }).data;
    return data?.error ?? (error as { code?: string }).code ?? String(error);
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
  const server = (await app.start(0)) as Server;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;
  const { verified } = await slack.setRequestUrls({ events: url, commands: url, interactivity: url });
  return { app, url, verified, stop: () => app.stop() };
}

/** An act of a person, or a look, over the control interface. */
export async function control(slack: SlackStandIn, path: string, body?: object): Promise<Record<string, unknown>> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(`${slack.control}/${path}`, init);
  return (await answer.json()) as Record<string, unknown>;
}
