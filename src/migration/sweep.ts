import type { Clock } from "../clock.ts";
import type { Journal } from "../journal/open.ts";
import type { Phase } from "../journal/phase.ts";
import { windowFacts } from "../journal/phase.ts";
import type { Log } from "../log.ts";
import { leaseClass } from "./lease.ts";

/** What the sweep rings: the doorbell of the queue room, seen from here. */
export interface Bell {
  ring(migrationId: string, phase: string, queue?: "phases" | "commands"): Promise<boolean>;
}

/** Phases that are due and that no worker has in hand, by the journal's own clock. */
export async function duePhases(journal: Journal): Promise<{ migrationId: string; phase: Phase }[]> {
  return journal.query<{ migrationId: string; phase: Phase }>(
    `select m.id as "migrationId", m.phase
     from journal.migration m
     join journal.phase_run p on p.migration_id = m.id and p.phase = m.phase
     left join journal.window_run w on w.migration_id = m.id and w.state = 'open'
     where (m.state = 'active' or (m.state = 'draft' and m.phase = 'preflight' and p.state <> 'done'))
       and not exists (
         select from pg_locks l where l.locktype = 'advisory' and l.granted and l.classid = $1::oid
           and l.objid::bigint = hashtext(m.id)::bigint & 4294967295
           and l.database = (select oid from pg_database where datname = current_database()))
       and (m.intent = 'abort'
         or (p.state = 'retrying' and coalesce(p.due_at <= clock_timestamp(), true) and (m.intent = 'run' or w.id is not null))
         or (p.state <> 'retrying' and w.id is not null)
         or (m.intent = 'run' and p.state in ('running', 'waiting', 'done') and not m.phase = any ($2)))`,
    [leaseClass, Object.values(windowFacts).map((facts) => facts.phase)],
  );
}

/** Rings for everything that is due, and for commands that wait. @returns how many rings. */
export async function ringDue(journal: Journal, bell: Bell): Promise<number> {
  const due = await duePhases(journal);
  const rings = due.map(({ migrationId, phase }) => bell.ring(migrationId, phase, "phases"));
  const [waiting] = await journal.query("select id from journal.command where state = 'received' limit 1");
  if (waiting) rings.push(bell.ring("all", "commands", "commands"));
  return (await Promise.all(rings)).length;
}

/** A running sweep. */
export interface Sweep extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Rings what is due at once and every two seconds, whatever happened to Redis (law 1). Errors are logged; the next round
 * comes all the same.
 */
export function startSweep(options: {
  readonly journal: Journal;
  readonly bell: Bell;
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs?: number;
}): Sweep {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await ringDue(options.journal, options.bell);
      } catch (error) {
        options.log.warn({ error: String(error) }, "the sweep could not look into the journal");
      }
      await options.clock.sleep(options.everyMs ?? 2_000, stop.signal).catch(() => undefined);
    }
  };
  const running = loop();
  const close = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { close, [Symbol.asyncDispose]: close };
}
