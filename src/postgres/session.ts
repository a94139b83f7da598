import { Socket } from "node:net";
import pg from "pg";
import { DrawbridgeError } from "../errors.ts";
import type { Secret } from "../redact.ts";
import { clientConfig, type ConnectOptions, type Queryable, runOn } from "./connect.ts";
import { asDatabaseFault, isConnectionLoss } from "./sql-error.ts";
import { hostAndPort } from "./url.ts";

/** A message of `NOTIFY`. */
export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** One connection of its own: for locks, snapshots and whatever else lives as long as a session. */
export interface Session extends Queryable, AsyncDisposable {
  /** The server's process id, as in `pg_stat_activity`. */
  readonly pid: number;
  /** Aborts the moment the connection breaks (also when an administrator ends it); not on {@link Session.close}. */
  readonly lost: AbortSignal;
  /** Calls back for each notification on a channel that this session listens to. */
  onNotification(call: (message: Notification) => void): void;
  /** Ends the connection, politely if it answers within 2 s. May be called again. */
  close(): Promise<void>;
}

/** How long a polite goodbye may take before the socket is cut. */
const closeGraceMs = 2_000;

/**
 * Opens one dedicated connection. With `heartbeatMs`, an idle session is asked that often whether it still lives, and
 * counts as lost when no answer comes within the same time: a dead network says nothing by itself.
 * @throws DrawbridgeError `DB_CONNECTION`.
 */
export async function openSession(
  url: Secret,
  options: ConnectOptions & { readonly heartbeatMs?: number },
): Promise<Session> {
  const place = hostAndPort(url);
  const socket = new Socket();
  const client = new pg.Client({ ...clientConfig(url, options), stream: () => socket });
  const lost = new AbortController();
  let closed = false;
  const lose = (cause: unknown): void => {
    if (!closed && !lost.signal.aborted)
      lost.abort(new DrawbridgeError("DB_CONNECTION", `${place}: session lost`, { cause }));
  };
  client.on("error", lose);
  client.on("end", () => lose(undefined));
  const pid = await login(client, place).catch((thrown: unknown) => {
    closed = true;
    throw thrown;
  });
  let busy = 0;
  const query = async <Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> => {
    busy += 1;
    try {
      return await runOn<Row>(client, { place, statementTimeoutMs: options.statementTimeoutMs }, sql, params);
    } finally {
      busy -= 1;
    }
  };
  const pulse = startPulse(options.heartbeatMs, () => (busy === 0 ? query("select 1") : Promise.resolve([])), lose);
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    clearInterval(pulse);
    await endClient(client, socket);
  };
  return {
    pid,
    lost: lost.signal,
    query,
    onNotification: (call) => {
      client.on("notification", ({ channel, payload }) => call({ channel, payload: payload ?? "" }));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function startPulse(
  everyMs: number | undefined,
  beat: () => Promise<unknown>,
  lose: (cause: unknown) => void,
): NodeJS.Timeout | undefined {
  if (everyMs === undefined) return undefined;
  const timer = setInterval(() => {
    const late = setTimeout(() => lose(new Error(`no answer for ${everyMs} ms`)), everyMs);
    beat()
      // an answer that is an error (a failed transaction) is an answer
      .catch((thrown: unknown) => (isConnectionLoss(thrown) ? lose(thrown) : undefined))
      .finally(() => clearTimeout(late));
  }, everyMs);
  return timer.unref();
}

async function login(client: pg.Client, place: string): Promise<number> {
  try {
    await client.connect();
    const result = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    return result.rows[0]?.pid ?? 0;
  } catch (cause) {
    client.end().catch(() => undefined);
    throw asDatabaseFault(cause, place);
  }
}

async function endClient(client: pg.Client, socket: Socket): Promise<void> {
  const cut = setTimeout(() => socket.destroy(), closeGraceMs);
  await client.end().catch(() => undefined);
  clearTimeout(cut);
}
