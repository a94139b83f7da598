import { openDatabase } from "../../postgres/connect.ts";
import type { Secret } from "../../redact.ts";

/** What the play reads from the journal, as an onlooker: it never writes there. */
export interface JournalView extends AsyncDisposable {
  migration(): Promise<{ state: string; phase: string } | undefined>;
  phaseState(phase: string): Promise<{ state: string; try: number } | undefined>;
  /** Whether the step has begun in its phase's present try. */
  stepStarted(step: string): Promise<boolean>;
  /** The newest window of the migration. */
  window(): Promise<{ id: number; name: string; state: string } | undefined>;
  windows(): Promise<ReadonlyArray<{ name: string; openedAt: Date; endedAt: Date | undefined; state: string }>>;
  /** The gates of a window, with where their messages stand. */
  approvals(windowId: number): Promise<ReadonlyArray<{ gate: string; state: string; ts: string | undefined }>>;
}

/** Opens the view under the journal administrator's login. */
export function openJournalView(url: Secret): JournalView {
  const db = openDatabase(url, { applicationName: "sandbox-view", max: 2 });
  return {
    migration: async () => (await db.query<{ state: string; phase: string }>("select state, phase from journal.migration limit 1"))[0],
    phaseState: async (phase) =>
      (await db.query<{ state: string; try: number }>("select state, try from journal.phase_run where phase = $1", [phase]))[0],
    stepStarted: async (step) => {
      const rows = await db.query(
        `select 1 as one from journal.step_attempt a join journal.phase_run p using (migration_id, phase, try)
         where a.step = $1 and a.state in ('started', 'succeeded')`,
        [step],
      );
      return rows.length > 0;
    },
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
      return rows.map(({ name, opened, ended, state }) => ({ name, openedAt: opened, endedAt: ended ?? undefined, state }));
    },
    approvals: async (windowId) => {
      const rows = await db.query<{ gate: string; state: string; ts: string | null }>(
        "select gate, state, message_ts as ts from journal.approval where window_id = $1 order by created_at, id",
        [windowId],
      );
      return rows.map(({ gate, state, ts }) => ({ gate, state, ts: ts ?? undefined }));
    },
    [Symbol.asyncDispose]: () => db.end(),
  };
}
