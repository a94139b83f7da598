import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { app, ids, team } from "../../src/sandbox/slack/cast.ts";
import { main } from "./world.ts";

/** One request that must not be taken. Resolves with the HTTP status, 0 when the connection was closed without one. */
export type Forgery = (target: Target) => Promise<number>;

/** Where forgeries go, and what a thief would have. */
export interface Target {
  readonly url: string;
  readonly signingSecret: string;
  /** A command that was taken once, word for word. */
  readonly captured: { readonly body: string; readonly headers: Readonly<Record<string, string>> };
}

const form = "application/x-www-form-urlencoded";
const json = "application/json";

/** Headers as Slack signs, or as somebody who does not quite. */
export function signed(secret: string, body: string | Buffer, type = form, offsetSeconds = 0): Record<string, string> {
  const seconds = String(Math.floor(Date.now() / 1000) + offsetSeconds);
  const signature = createHmac("sha256", secret).update(`v0:${seconds}:`).update(body).digest("hex");
  return { "content-type": type, "x-slack-request-timestamp": seconds, "x-slack-signature": `v0=${signature}` };
}

let triggers = 0;

/** A slash command's body; each call has a trigger of its own. */
export function commandBody(change: Readonly<Record<string, string>> = {}): string {
  const fields = { command: "/migrate", text: "check", user_id: ids.greg, team_id: team.id, api_app_id: app.id };
  const where = { channel_id: main, trigger_id: `forged.${++triggers}`, is_enterprise_install: "false" };
  return new URLSearchParams({ ...fields, ...where, ...change }).toString();
}

function eventBody(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const event = { type: "reaction_added", user: ids.ann, reaction: "white_check_mark", item: {}, event_ts: "1.1" };
  const outer = { type: "event_callback", team_id: team.id, api_app_id: app.id };
  return { ...outer, event, event_id: `EvForged${++triggers}`, ...change };
}

async function send(
  url: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>>,
  method = "POST",
): Promise<number> {
  const bytes = typeof body === "string" ? body : new Uint8Array(body);
  try {
    const answer = await fetch(url, { method, headers, body: bytes, signal: AbortSignal.timeout(20_000) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return 0;
  }
}

/** Announces more than it sends, and hangs up. */
function cutOff({ url, signingSecret }: Target): Promise<number> {
  const { hostname, port } = new URL(url);
  const body = commandBody();
  const lines = Object.entries(signed(signingSecret, body)).map(([name, value]) => `${name}: ${value}`);
  const head = ["POST /slack/events HTTP/1.1", "host: x", `content-length: ${body.length + 50}`, ...lines, "", ""];
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${head.join("\r\n")}${body}`, () => setTimeout(() => socket.destroy(), 20));
    });
    socket.on("close", () => resolve(0));
    socket.on("error", () => resolve(0));
  });
}

const withBody =
  (body: () => string | Buffer, type = form, offset = 0): Forgery =>
  ({ url, signingSecret }) => {
    const made = body();
    return send(url, made, signed(signingSecret, made, type, offset));
  };
const jsonOf = (change: Readonly<Record<string, unknown>>) => (): string => JSON.stringify(eventBody(change));

/** Kinds of forgeries by name. Those after "signed:" even have the signing secret. */
export const forgeries: Readonly<Record<string, Forgery>> = {
  "another secret": ({ url }) => {
    const body = commandBody();
    return send(url, body, signed("guess", body));
  },
  "an empty secret": ({ url }) => {
    const body = commandBody();
    const { "x-slack-signature": _own, ...rest } = signed("x", body);
    return send(url, body, { ...rest, "x-slack-signature": "" });
  },
  "no signature": ({ url }) => send(url, commandBody(), { "content-type": form }),
  "another body under a good signature": ({ url, captured }) =>
    send(url, commandBody({ text: "abort" }), captured.headers),
  "another time under a good signature": ({ url, captured }) =>
    send(url, captured.body, {
      ...captured.headers,
      "x-slack-request-timestamp": String(Math.floor(Date.now() / 1000) + 1),
    }),
  "a captured command": ({ url, captured }) => send(url, captured.body, captured.headers),
  "a check of TLS with a command in it": ({ url }) =>
    send(url, `${commandBody()}&ssl_check=1`, { "content-type": form }),
  "signed: six minutes old": withBody(commandBody, form, -360),
  "signed: from ahead": withBody(commandBody, form, 3_600),
  "signed: another workspace": withBody(() => commandBody({ team_id: "T0ELSEWHER" })),
  "signed: another app": withBody(jsonOf({ api_app_id: "A0OTHER0000" }), json),
  "signed: another organisation": withBody(jsonOf({ enterprise_id: "E0OTHER0000" }), json),
  "signed: two workspaces at once": withBody(() => `${commandBody()}&team_id=T0ELSEWHER`),
  "signed: an event without an id": withBody(jsonOf({ event_id: undefined }), json),
  "signed: too large": withBody(() => commandBody({ text: "x".repeat(400_000) })),
  "signed: far too large": withBody(() => Buffer.alloc(3_000_000, "x")),
  "signed: not JSON": withBody(() => "{", json),
  "signed: JSON that is no object": withBody(() => "[1,2,3]", json),
  "signed: null": withBody(() => "null", json),
  "signed: nested deep": withBody(() => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    return JSON.stringify(eventBody({ deep: "HERE" })).replace('"HERE"', deep);
  }, json),
  "signed: bytes that are no text": withBody(() => Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28]), json),
  "signed: another content type": withBody(jsonOf({}), "text/plain"),
  "signed: empty": withBody(() => "", json),
  "another method": ({ url }) => send(url, commandBody(), { "content-type": form }, "PUT"),
  "cut off": cutOff,
};
