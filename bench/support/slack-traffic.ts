import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Secret } from "../../src/redact.ts";
import { app, ids, team } from "../../src/sandbox/slack/cast.ts";
import { signedHeaders } from "../../src/sandbox/slack/sign.ts";

/** What is sent, and where. */
export interface Traffic {
  /** The bot's address for Slack's requests. */
  readonly url: string;
  readonly signingSecret: Secret;
  readonly channel: string;
  readonly commandsPerSecond: number;
  readonly reactionsPerSecond: number;
  readonly seconds: number;
}

/** Times to the acknowledgement in milliseconds, from the moment when a request was due, and how many got no 200. */
export interface Acknowledged {
  readonly ms: number[];
  failed: number;
}

/** What came of it. */
export interface TrafficResult {
  readonly commands: Acknowledged;
  readonly reactions: Acknowledged;
}

const json = "application/json";
const form = "application/x-www-form-urlencoded";
/** What anybody may type; all of it is answered from the journal. */
const texts = ["status", "help", "lag", "whoami", "timeline"] as const;
const emoji = ["eyes", "tada", "white_check_mark", "heavy_check_mark"] as const;

/**
 * Sends signed requests at a fixed rate, whether the earlier ones were answered or not: a slow bot does not make the load
 * lighter, and its delay is counted in full.
 */
export async function sendTraffic(traffic: Traffic): Promise<TrafficResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const result = { commands: { ms: [], failed: 0 }, reactions: { ms: [], failed: 0 } } satisfies TrafficResult;
  const sendCommand = (dueMs: number, n: number): Promise<void> =>
    timed(traffic, agent, { body: commandBody(traffic, n), type: form, dueMs }, result.commands);
  const sendReaction = (dueMs: number, n: number): Promise<void> =>
    timed(traffic, agent, { body: reactionBody(traffic, n), type: json, dueMs }, result.reactions);
  await Promise.all([
    atRate(traffic.commandsPerSecond, traffic.seconds, sendCommand),
    atRate(traffic.reactionsPerSecond, traffic.seconds, sendReaction),
  ]);
  agent.destroy();
  return result;
}

async function atRate(
  perSecond: number,
  seconds: number,
  send: (dueMs: number, n: number) => Promise<void>,
): Promise<void> {
  const begun = performance.now();
  const total = Math.round(perSecond * seconds);
  const sent: Promise<void>[] = [];
  while (sent.length < total) {
    const due = begun + (sent.length * 1000) / perSecond;
    const waitMs = due - performance.now();
    if (waitMs > 0) await delay(waitMs);
    sent.push(send(due, sent.length));
  }
  await Promise.all(sent);
}

interface Piece {
  readonly body: string;
  readonly type: string;
  readonly dueMs: number;
}

async function timed(traffic: Traffic, agent: Agent, piece: Piece, into: Acknowledged): Promise<void> {
  const status = await post(traffic, agent, piece);
  into.ms.push(performance.now() - piece.dueMs);
  if (status !== 200) into.failed += 1;
}

function post({ url, signingSecret }: Traffic, agent: Agent, { body, type }: Piece): Promise<number> {
  const headers = signedHeaders(signingSecret, body, new Date(), type);
  return new Promise((resolve) => {
    const sent = request(url, { method: "POST", agent, timeout: 3_000, headers }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    sent.once("timeout", () => sent.destroy());
    sent.once("error", () => resolve(0));
    sent.end(body);
  });
}

function commandBody({ channel }: Traffic, n: number): string {
  const who = { user_id: ids.dana, user_name: "dana", team_id: team.id, team_domain: team.domain, api_app_id: app.id };
  const what = { command: "/migrate", text: texts[n % texts.length] ?? "help", channel_id: channel, channel_name: "x" };
  const bearers = { trigger_id: `load.${n}.${unique()}`, response_url: "http://127.0.0.1:9/none" };
  return new URLSearchParams({ ...who, ...what, ...bearers, is_enterprise_install: "false" }).toString();
}

/** On a thousand messages of the channel, none of them a gate. */
function reactionBody({ channel }: Traffic, n: number): string {
  const item = { type: "message", channel, ts: `1600000000.${String(n % 1000).padStart(6, "0")}` };
  const reaction = emoji[n % emoji.length];
  const event = { type: "reaction_added", user: ids.dana, reaction, item, item_user: ids.ann, event_ts: "1.1" };
  const outer = { team_id: team.id, api_app_id: app.id, type: "event_callback", event_time: 1, authorizations: [] };
  return JSON.stringify({ ...outer, event_id: `Ev${unique()}`, event });
}

function unique(): string {
  return randomBytes(6).toString("hex");
}
