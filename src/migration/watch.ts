import { DrawbridgeError } from "../errors.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { getMigration, setIntent } from "../journal/migrations.ts";
import { windowStops } from "../journal/windows.ts";
import type { Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";

/** Why a run was told to stop. */
export type StopKind = "hold" | "abort" | "deadline" | "veto";

/** Looks beside the running steps whether people, or the window's deadline, want them to stop (law 11). */
export interface Watch extends AsyncDisposable {
  /** Aborts with the fault that says why. */
  readonly signal: AbortSignal;
  /** Why, once the signal has aborted. */
  stopped(): StopKind | undefined;
  /** Looks now. @throws what the signal aborts with. */
  check(): Promise<void>;
}

/** How often the journal is looked at without being told of a change. */
const everyMs = 2_000;

interface Stop {
  readonly kind: StopKind;
  readonly error: DrawbridgeError;
}

/** Starts to watch: every two seconds, on each notification, and at the window's deadline to the millisecond. */
export async function startWatch<W extends RunnerWorld>(run: Run<W>): Promise<Watch> {
  const controller = new AbortController();
  let kind: StopKind | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const look = async (): Promise<void> => {
    clearTimeout(timer);
    let nextMs = everyMs;
    try {
      const { stop, remainingMs } = await findStop(run);
      if (stop && kind === undefined) {
        kind = stop.kind;
        controller.abort(stop.error);
      }
      if (remainingMs !== undefined && remainingMs > 0) nextMs = Math.min(everyMs, remainingMs + 1);
    } finally {
      clearTimeout(timer);
      if (!closed && kind === undefined) timer = setTimeout(lookQuietly, nextMs);
    }
  };
  // the journal being away is the lease's matter
  const lookQuietly = (): void => void look().catch(() => undefined);
  const end = await run.world.journal.listen(({ table, migrationId }) => {
    const ours = migrationId === run.migrationId && ["migration", "vote", "approval"].includes(table);
    if (!closed && (table === "" || ours)) lookQuietly();
  });
  timer = setTimeout(lookQuietly, everyMs);
  return {
    signal: controller.signal,
    stopped: () => kind,
    check: async () => {
      await look();
      controller.signal.throwIfAborted();
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearTimeout(timer);
      end();
    },
  };
}

async function findStop<W extends RunnerWorld>(
  run: Run<W>,
): Promise<{ readonly stop?: Stop; readonly remainingMs?: number }> {
  const { journal } = run.world;
  const intent = (await getMigration(journal, run.migrationId))?.intent ?? "run";
  const held = stopFor("hold", "DB_ABORTED", "people asked to hold");
  if (run.window === undefined) {
    if (intent === "abort") return { stop: stopFor("abort", "DB_ABORTED", "people asked to abort") };
    return intent === "hold" ? { stop: held } : {};
  }
  const facts = await windowStops(journal, run.window.id);
  if (facts.past) {
    // a hold takes effect after the window: stopping here would leave the application without its database
    if (intent === "abort") await refuseAbort(run);
    return {};
  }
  if (facts.stoppedBy) {
    const { person, how } = facts.stoppedBy;
    return { stop: stopFor("veto", "DB_VETOED", `${person} ${how} before the point of no return`) };
  }
  if (intent === "abort") return { stop: stopFor("abort", "DB_ABORTED", "people asked to abort the window") };
  if (facts.remainingMs !== undefined && facts.remainingMs <= 0) {
    return {
      stop: stopFor("deadline", "DB_WINDOW_DEADLINE", "the window's deadline passed before the point of no return"),
    };
  }
  const remaining = facts.remainingMs === undefined ? {} : { remainingMs: facts.remainingMs };
  return intent === "hold" ? { stop: held, ...remaining } : remaining;
}

function stopFor(kind: StopKind, code: "DB_ABORTED" | "DB_VETOED" | "DB_WINDOW_DEADLINE", message: string): Stop {
  return { kind, error: new DrawbridgeError(code, message) };
}

/** Beyond the point of no return there is only forward; the wish is answered, so that it does not hit the next phase. */
async function refuseAbort<W extends RunnerWorld>(run: Run<W>): Promise<void> {
  await fenced(run.world.journal, run.lease, async (tx) => {
    await setIntent(tx, run.migrationId, "run", "drawbridge");
    await appendEvent(tx, {
      migrationId: run.migrationId,
      kind: "abort-refused",
      actor: run.worker,
      facts: { phase: run.phase, reason: "past the point of no return" },
    });
  });
}
