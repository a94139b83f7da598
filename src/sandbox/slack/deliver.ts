import { randomBytes } from "node:crypto";
import type { Channel, SlackEvent, Workspace } from "./model.ts";
import { signedHeaders } from "./sign.ts";
import { envelopeOf } from "./sockets.ts";
import { note } from "./workspace.ts";

/** Slack waits this long for an answer to anything it sends. */
export const answerDeadlineMs = 3000;

/** When an undelivered event is sent again. Real Slack: at once, after 1 min, after 5 min; here shortened. */
export const defaultRetryDelaysMs: readonly number[] = [0, 1000, 5000];

/** Sends events to the app until `close`. */
export interface Courier {
  readonly send: (event: SlackEvent, channel?: Channel) => void;
  /** Events not yet answered or given up. */
  readonly pending: () => number;
  readonly close: () => Promise<void>;
}

interface Parcel {
  readonly id: string;
  readonly type: string;
  readonly body: string;
}

/** Opens the way for events; faults of the workspace apply to what is sent from then on. */
export function openCourier(ws: Workspace, retryDelaysMs: readonly number[]): Courier {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  let held: Parcel | undefined;
  const track = (work: Promise<void>): void => {
    const done = work.catch(() => undefined).finally(() => running.delete(done));
    running.add(done);
  };
  const release = (): void => {
    const late = held;
    held = undefined;
    if (late !== undefined) track(deliver(ws, late, retryDelaysMs, stop.signal));
  };
  return {
    send: (event, channel) => {
      if (!canReachApp(ws) || stop.signal.aborted) return;
      if (channel !== undefined && !channel.members.has(ws.app.botUserId)) return;
      const parcel = envelope(ws, event, channel);
      if (ws.faults.happens("dropEvents")) return note(ws, "event", event.type, "dropped (fault)", { id: parcel.id });
      if (held === undefined && ws.faults.happens("reorderEvents")) {
        held = parcel;
        track(ws.clock.sleep(2000, stop.signal).then(() => (held === parcel ? release() : undefined)));
        return;
      }
      track(deliver(ws, parcel, retryDelaysMs, stop.signal));
      if (ws.faults.happens("repeatEvents")) track(deliver(ws, parcel, retryDelaysMs, stop.signal));
      release();
    },
    pending: () => running.size,
    close: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
}

/** The outer event, as docs.slack.dev/apis/events-api gives it. */
function envelope(ws: Workspace, event: SlackEvent, channel: Channel | undefined): Parcel {
  const id = `Ev${randomBytes(6).toString("hex").toUpperCase()}`;
  const user = ws.app.botUserId;
  const body = JSON.stringify({
    team_id: ws.team.id,
    context_team_id: ws.team.id,
    context_enterprise_id: null,
    api_app_id: ws.app.id,
    event,
    type: "event_callback",
    event_id: id,
    event_time: Math.floor(ws.clock.now().getTime() / 1000),
    authorizations: [
      { enterprise_id: null, team_id: ws.team.id, user_id: user, is_bot: true, is_enterprise_install: false },
    ],
    is_ext_shared_channel: channel?.isExtShared ?? false,
    event_context: `4-${id}`,
  });
  return { id, type: event.type, body };
}

async function deliver(
  ws: Workspace,
  parcel: Parcel,
  retryDelaysMs: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const { delayEventsMs } = ws.faults.settings;
  if (delayEventsMs > 0) await ws.clock.sleep(ws.faults.upTo(delayEventsMs), signal);
  let reason = "";
  for (let attempt = 0; attempt <= retryDelaysMs.length; attempt += 1) {
    if (attempt > 0) await ws.clock.sleep(retryDelaysMs[attempt - 1] ?? 0, signal);
    const more: Record<string, string> =
      attempt > 0 ? { "x-slack-retry-num": String(attempt), "x-slack-retry-reason": reason } : {};
    const answer = await callApp(ws, ws.urls?.events ?? "", parcel.body, "application/json", more, signal);
    if (signal.aborted) return;
    const outcome = answer.kind === "answered" ? `http ${answer.status}` : answer.kind;
    note(ws, "event", parcel.type, outcome, { id: parcel.id, attempt, ms: answer.ms });
    if (answer.kind === "answered" && answer.status >= 200 && answer.status < 300) return;
    if (answer.kind === "answered" && answer.headers.get("x-slack-no-retry") === "1") return;
    reason = answer.kind === "answered" ? "http_error" : answer.kind;
  }
}

/** What came of a request to the app. */
export type AppAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly text: string;
      readonly headers: Headers;
      readonly ms: number;
    }
  | { readonly kind: "http_timeout" | "connection_failed"; readonly ms: number };

/** Whether the app has told where it is to be found. */
export function canReachApp(ws: Workspace): boolean {
  return ws.urls !== undefined || ws.sockets?.isOn() === true;
}

/** One signed request to the app, or with Socket Mode one envelope, given up after three seconds as Slack does. */
export async function callApp(
  ws: Workspace,
  url: string,
  body: string,
  contentType: string,
  more: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<AppAnswer> {
  const headers = { ...signedHeaders(ws.signingSecret, body, ws.clock.now(), contentType), ...more };
  const deadline = AbortSignal.timeout(answerDeadlineMs);
  const begun = performance.now();
  const ms = (): number => Math.round(performance.now() - begun);
  if (ws.sockets?.isOn() === true && !body.includes('"url_verification"')) {
    const answer = await ws.sockets.call(envelopeOf(body, contentType, more), answerDeadlineMs);
    if (answer.kind !== "answered") return { kind: answer.kind, ms: ms() };
    return { ...answer, status: 200, headers: new Headers(), ms: ms() };
  }
  try {
    const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: either });
    return { kind: "answered", status: answer.status, text: await answer.text(), headers: answer.headers, ms: ms() };
  } catch {
    return { kind: deadline.aborted ? "http_timeout" : "connection_failed", ms: ms() };
  }
}
