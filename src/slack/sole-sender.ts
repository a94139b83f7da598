import type { Journal } from "../journal/open.ts";
import type { Session } from "../postgres/session.ts";

/** The right to send. Two bots on one journal (the old one still runs) must not both post the same row. */
export interface SoleSender {
  /**
   * Takes the right when nobody has it. @returns since when it is ours, by the journal's clock: what was intended before may
   * have been sent by whoever had it; `undefined` while another bot has it.
   */
  take(): Promise<Date | undefined>;
  /** Whether it is ours right now: false at once when the connection that keeps it breaks. */
  isOurs(): boolean;
  /** Gives it back. */
  release(): Promise<void>;
}

/** Opens the right for one process: a lock of the journal, held by a session of its own. */
export function openSoleSender(journal: Journal): SoleSender {
  let session: Session | undefined;
  let since: Date | undefined;
  const isOurs = (): boolean => since !== undefined && session?.lost.aborted === false;
  const release = async (): Promise<void> => {
    const last = session;
    [session, since] = [undefined, undefined];
    await last?.close();
  };
  return {
    isOurs,
    release,
    take: async () => {
      if (isOurs()) return since;
      if (session === undefined || session.lost.aborted) {
        await release();
        session = await journal.session("sender");
      }
      since = await lock(session);
      return since;
    },
  };
}

async function lock(session: Session): Promise<Date | undefined> {
  const [row] = await session.query<{ ours: boolean; now: Date }>(
    "select journal.take_outbox() as ours, clock_timestamp() as now",
  );
  return row?.ours === true ? row.now : undefined;
}
