import type { Log } from "../log.ts";
import { type Database, openDatabase } from "../postgres/connect.ts";
import { listen, type Listener } from "../postgres/listen.ts";
import { openSession, type Session } from "../postgres/session.ts";
import type { Secret } from "../redact.ts";

/** What changed: a table of the journal and the migration it belongs to. An empty table means: look at everything. */
export interface Change {
  readonly table: string;
  readonly migrationId: string;
}

/** One process's way into the journal, under its own role. */
export interface Journal extends Database {
  /** The pool behind `query` and `transaction`. */
  readonly db: Database;
  /**
   * Calls back on every change that the journal announces, and with an empty {@link Change} after a lost connection.
   * One connection serves all callers. The returned function ends it.
   */
  listen(onChange: (change: Change) => void): Promise<() => void>;
  /** A connection of its own, for a lease or a row lock. Its death is noticed within seconds. */
  session(purpose: string): Promise<Session>;
  close(): Promise<void>;
}

/** Opens the journal for one process; `role` is the process's word for logs and `pg_stat_activity`. */
export function openJournal(url: Secret, role: "bot" | "worker" | "agent" | "report", log?: Log): Journal {
  const applicationName = `drawbridge-${role}`;
  const db = openDatabase(url, { applicationName, max: 8, statementTimeoutMs: 30_000 });
  const callers = new Set<(change: Change) => void>();
  let listener: Promise<Listener> | undefined;
  const tell = (change: Change): void => {
    for (const call of callers) call(change);
  };
  const startListening = (): Promise<Listener> =>
    listen(
      url,
      ["journal"],
      (_channel, payload) => {
        const at = payload.indexOf(":");
        tell({ table: payload.slice(0, at), migrationId: payload.slice(at + 1) });
      },
      {
        applicationName: `${applicationName}-listen`,
        onReconnect: () => tell({ table: "", migrationId: "" }),
        onError: (error) => log?.warn({ error: String(error) }, "journal notifications are interrupted"),
      },
    );
  const close = async (): Promise<void> => {
    callers.clear();
    await (await listener?.catch(() => undefined))?.close();
    await db.end();
  };
  return {
    db,
    query: (sql, params) => db.query(sql, params),
    transaction: (fn, how) => db.transaction(fn, how),
    end: close,
    listen: async (onChange) => {
      listener ??= startListening();
      try {
        await listener;
      } catch (error) {
        listener = undefined;
        throw error;
      }
      callers.add(onChange);
      return () => void callers.delete(onChange);
    },
    session: (purpose) => openSession(url, { applicationName: `${applicationName}-${purpose}`, heartbeatMs: 5_000 }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
