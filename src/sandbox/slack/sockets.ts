import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { z } from "zod";
import type { Workspace } from "./model.ts";
import { acceptWebSocket, type WebSocketEnd } from "./web-socket.ts";
import { note } from "./workspace.ts";

/** Why Slack ends a socket. Source: docs.slack.dev/apis/events-api/using-socket-mode. */
export type DisconnectReason = "warning" | "refresh_requested" | "link_disabled";

/** What came of an envelope. */
export type EnvelopeAnswer =
  | { readonly kind: "answered"; readonly text: string }
  | { readonly kind: "http_timeout" | "connection_failed" };

/** The app's sockets (Socket Mode). Each envelope goes over any one of them. */
export interface Sockets {
  /** A URL that may be opened once. */
  ticket(): string;
  upgrade(request: IncomingMessage, socket: Duplex): void;
  /** Sends one envelope and waits for its acknowledgement. */
  call(envelope: Readonly<Record<string, unknown>>, deadlineMs: number): Promise<EnvelopeAnswer>;
  /** Says `disconnect` on all of them, as Slack does every few hours; the app is to open new ones. */
  disconnect(reason: DisconnectReason): void;
  /** Whether the app has asked for sockets: from then on nothing goes over HTTP. */
  isOn(): boolean;
  count(): number;
  close(): void;
}

const ackSchema = z.object({ envelope_id: z.string(), payload: z.unknown().optional() });

interface Open {
  readonly end: WebSocketEnd;
  readonly waiting: Map<string, (answer: EnvelopeAnswer) => void>;
}

/** Opens the room for sockets; at most ten, as Slack allows. */
export function openSockets(ws: Workspace): Sockets {
  const tickets = new Set<string>();
  const open: Open[] = [];
  let on = false;
  let turn = 0;
  return {
    ticket: () => {
      on = true;
      const ticket = randomBytes(12).toString("hex");
      tickets.add(ticket);
      return `${ws.baseUrl.replace("http:", "ws:")}/link/?ticket=${ticket}`;
    },
    upgrade: (request, socket) => {
      const ticket = new URL(request.url ?? "/", "http://slack").searchParams.get("ticket") ?? "";
      if (!tickets.delete(ticket) || open.length >= 10) return void socket.destroy();
      const calls = callsOf(() => one, open);
      const one: Open = { end: acceptWebSocket(request, socket, calls), waiting: new Map() };
      open.push(one);
      note(ws, "control", "socket", "opened", { count: open.length });
      one.end.send(
        JSON.stringify({ type: "hello", num_connections: open.length, connection_info: { app_id: ws.app.id } }),
      );
    },
    call: async (envelope, deadlineMs) => {
      turn += 1;
      const one = open[turn % Math.max(1, open.length)];
      return one === undefined ? { kind: "connection_failed" } : callOver(ws, one, envelope, deadlineMs);
    },
    disconnect: (reason) => {
      for (const { end } of open) end.send(JSON.stringify({ type: "disconnect", reason, debug_info: {} }));
    },
    isOn: () => on,
    count: () => open.length,
    close: () => {
      for (const { end } of open) end.cut();
    },
  };
}

/** Sends an envelope over one socket, and cuts the socket before or after where the fault says so. */
async function callOver(
  ws: Workspace,
  { end, waiting }: Open,
  envelope: Readonly<Record<string, unknown>>,
  deadlineMs: number,
): Promise<EnvelopeAnswer> {
  const id = randomBytes(8).toString("hex");
  const isCut = ws.faults.happens("cutSockets");
  const cutsBefore = isCut && ws.faults.upTo(1) === 0;
  const answer = new Promise<EnvelopeAnswer>((resolve) => waiting.set(id, resolve));
  if (!cutsBefore) end.send(JSON.stringify({ envelope_id: id, ...envelope }));
  if (isCut) {
    note(ws, "control", "socket", "cut (fault)", { before: cutsBefore });
    // after it was sent, and before an acknowledgement can be read
    setImmediate(() => end.cut());
  }
  const late = setTimeout(() => waiting.get(id)?.({ kind: "http_timeout" }), deadlineMs);
  return answer.finally(() => {
    clearTimeout(late);
    waiting.delete(id);
  });
}

function callsOf(self: () => Open, open: Open[]) {
  return {
    onText: (text: string): void => {
      const ack = ackSchema.safeParse(JSON.parse(text));
      if (!ack.success) return;
      const { payload, envelope_id: id } = ack.data;
      const isEmpty = payload === undefined || JSON.stringify(payload) === "{}";
      self().waiting.get(id)?.({ kind: "answered", text: isEmpty ? "" : JSON.stringify(payload) });
    },
    onClose: (): void => {
      const at = open.indexOf(self());
      if (at >= 0) open.splice(at, 1);
      for (const tell of self().waiting.values()) tell({ kind: "connection_failed" });
    },
  };
}

/** What would have been a signed request, as an envelope: JSON bodies are events, forms commands or interactions. */
export function envelopeOf(
  body: string,
  contentType: string,
  headers: Readonly<Record<string, string>>,
): Record<string, unknown> {
  if (contentType.startsWith("application/json")) {
    const retry = headers["x-slack-retry-num"];
    const retries = { retry_attempt: Number(retry ?? 0), retry_reason: headers["x-slack-retry-reason"] ?? "" };
    return { type: "events_api", payload: parsed(body), accepts_response_payload: false, ...retries };
  }
  const form = Object.fromEntries(new URLSearchParams(body));
  const { payload } = form;
  if (payload === undefined) return { type: "slash_commands", payload: form, accepts_response_payload: true };
  return { type: "interactive", payload: parsed(payload), accepts_response_payload: true };
}

function parsed(text: string): unknown {
  return JSON.parse(text);
}
