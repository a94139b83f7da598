import { openDatabase, type Queryable } from "../../postgres/connect.ts";
import type { Secret } from "../../redact.ts";
import type { IntendedMessage } from "../slack/check-outbox.ts";

/** A command that somebody typed, and what the worker answered. */
export interface TypedCommand {
  readonly id: number;
  readonly answered: boolean;
  readonly refused: boolean;
}

/** One try of a window. */
export interface SeenWindow {
  readonly name: string;
  readonly openedAt: Date;
  readonly endedAt: Date | undefined;
  readonly state: string;
}

/** A gate of a window, with where its message stands. */
export interface SeenApproval {
  readonly gate: string;
  readonly state: string;
  readonly ts: string | undefined;
}

/** What the play reads from the journal, as an onlooker: it never writes there. */
export interface JournalView extends AsyncDisposable {
  migration(): Promise<{ state: string; phase: string } | undefined>;
  /** `error`: what the phase last failed with, while that still counts. */
  phaseState(phase: string): Promise<{ state: string; error: string | undefined } | undefined>;
  /** Whether the step has begun in its phase's present try. */
  stepStarted(step: string): Promise<boolean>;
  /** The newest window of the migration. */
  window(): Promise<{ id: number; name: string; state: string } | undefined>;
  windows(): Promise<readonly SeenWindow[]>;
  approvals(windowId: number): Promise<readonly SeenApproval[]>;
  /** The newest command for the worker. */
  lastCommand(): Promise<TypedCommand | undefined>;
  /** Whether the message under this key was sent to Slack. */
  sent(key: string): Promise<boolean>;
  /** Every message that was to exist. */
  outbox(): Promise<readonly IntendedMessage[]>;
}

/** Opens the view under the journal administrator's login. */
export function openJournalView(url: Secret): JournalView {
  const db = openDatabase(url, { applicationName: "sandbox-view", max: 2 });
  return { ...migrationView(db), ...windowView(db), ...messageView(db), [Symbol.asyncDispose]: () => db.end() };
}

function migrationView(db: Queryable): Pick<JournalView, "migration" | "phaseState" | "stepStarted"> {
  return {
    migration: async () =>
      (await db.query<{ state: string; phase: string }>("select state, phase from journal.migration limit 1"))[0],
    phaseState: async (phase) => {
      const [row] = await db.query<{ state: string; error: string | null }>(
        "select state, error ->> 'message' as error from journal.phase_run where phase = $1",
        [phase],
      );
      return row && { state: row.state, error: row.error ?? undefined };
    },
    stepStarted: async (step) => {
      const rows = await db.query(
        `select 1 as one from journal.step_attempt a join journal.phase_run p using (migration_id, phase, try)
         where a.step = $1 and a.state in ('started', 'succeeded')`,
        [step],
      );
      return rows.length > 0;
    },
  };
}

function windowView(db: Queryable): Pick<JournalView, "window" | "windows" | "approvals"> {
  return {
    window: async () => {
      const [row] = await db.query<{ id: string; name: string; state: string }>(
        "select id, name, state from journal.window_run order by id desc limit 1",
      );
      return row && { id: Number(row.id), name: row.name, state: row.state };
    },
    windows: async () => {
      const rows = await db.query<{ name: string; opened: Date; ended: Date | null; state: string }>(
        "select name, opened_at as opened, ended_at as ended, state from journal.window_run where opened_at is not null order by id",
      );
      return rows.map(({ opened, ended, ...rest }) => ({ ...rest, openedAt: opened, endedAt: ended ?? undefined }));
    },
    approvals: async (windowId) => {
      const rows = await db.query<{ gate: string; state: string; ts: string | null }>(
        "select gate, state, message_ts as ts from journal.approval where window_id = $1 order by created_at, id",
        [windowId],
      );
      return rows.map(({ gate, state, ts }) => ({ gate, state, ts: ts ?? undefined }));
    },
  };
}

interface OutboxRecord {
  readonly id: string;
  readonly kind: string;
  readonly key: string;
  readonly audience: string;
  readonly state: string;
  readonly channel: string | null;
  readonly message_ts: string | null;
  readonly error: string | null;
}

function messageView(db: Queryable): Pick<JournalView, "lastCommand" | "sent" | "outbox"> {
  return {
    lastCommand: async () => {
      const [row] = await db.query<{ id: string; state: string; level: string | null }>(
        "select id, state, reply ->> 'level' as level from journal.command order by id desc limit 1",
      );
      return row && { id: Number(row.id), answered: row.state === "answered", refused: row.level === "refused" };
    },
    outbox: async () => {
      const rows = await db.query<OutboxRecord>(
        "select id, kind, key, audience, state, channel, message_ts, error from journal.outbox order by id",
      );
      return rows.map(({ id, channel, message_ts: ts, error, ...rest }) => ({
        ...rest,
        id: Number(id),
        channel: channel ?? undefined,
        messageTs: ts ?? undefined,
        error: error ?? undefined,
      }));
    },
    sent: async (key) => {
      const rows = await db.query("select 1 as one from journal.outbox where key = $1 and state = 'sent'", [key]);
      return rows.length > 0;
    },
  };
}
