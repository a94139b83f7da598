import { systemClock } from "../clock.ts";
import type { Secret } from "../redact.ts";
import type { ConnectOptions } from "./connect.ts";
import { quoteIdent } from "./identifier.ts";
import { openSession, type Session } from "./session.ts";

/** How to listen. */
export interface ListenOptions extends ConnectOptions {
  /** Called each time the channels are listened to again after a break: what was notified meanwhile is gone, so look. */
  readonly onReconnect?: () => void;
  /** Called with each connection error; listening goes on. */
  readonly onError?: (error: unknown) => void;
  /** Pause between tries, 500 ms unless told. */
  readonly retryMs?: number;
}

/** A subscription to notifications. */
export interface Listener extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * `LISTEN` on a session of its own that is opened again whenever it breaks. Resolves when the first one listens.
 * Notifications are hints: the reader looks into the tables for what is true.
 * @throws DrawbridgeError `DB_CONNECTION` when the first connection fails.
 */
export async function listen(
  url: Secret,
  channels: readonly string[],
  onNotify: (channel: string, payload: string) => void,
  options: ListenOptions,
): Promise<Listener> {
  const stop = new AbortController();
  const open = async (): Promise<Session> => {
    const session = await openSession(url, { heartbeatMs: 10_000, ...options });
    session.onNotification(({ channel, payload }) => onNotify(channel, payload));
    for (const channel of channels) await session.query(`listen ${quoteIdent(channel)}`);
    return session;
  };
  let session = await open();
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await whenAborted(AbortSignal.any([session.lost, stop.signal]));
      await session.close();
      const next = await reopen(open, stop.signal, options);
      if (!next) return;
      session = next;
      options.onReconnect?.();
    }
  };
  const running = loop();
  const close = async (): Promise<void> => {
    stop.abort();
    await running;
    await session.close();
  };
  return { close, [Symbol.asyncDispose]: close };
}

async function reopen(
  open: () => Promise<Session>,
  stop: AbortSignal,
  options: ListenOptions,
): Promise<Session | undefined> {
  while (!stop.aborted) {
    try {
      const session = await open();
      if (!stop.aborted) return session;
      await session.close();
    } catch (error) {
      options.onError?.(error);
      await systemClock.sleep(options.retryMs ?? 500, stop).catch(() => undefined);
    }
  }
  return undefined;
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
