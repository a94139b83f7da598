import type { DrawbridgeError } from "../errors.ts";
import { explain } from "../errors.ts";
import { eventHead, formatHead } from "../journal/events.ts";
import { intend } from "../journal/outbox.ts";
import type { Queryable } from "../postgres/connect.ts";
import type { Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";

/** The window's one message should be rendered anew: `moment` says since what. */
export async function touchWindow<W extends RunnerWorld>(tx: Queryable, run: Run<W>, moment: string): Promise<void> {
  if (run.window === undefined) return;
  const { migrationId, window } = run;
  await intend(tx, {
    kind: "window",
    migrationId,
    key: String(window.id),
    audience: "main",
    priority: 1,
    facts: { window: window.id, moment },
  });
}

/** A line in the thread: the phase ended, and with which hash the event log did: kept where the journal's rows are not. */
export async function tellPhase<W extends RunnerWorld>(tx: Queryable, run: Run<W>, ms: number): Promise<void> {
  const facts = { phase: run.phase, try: run.try, outcome: "done", ms, eventLog: formatHead(await eventHead(tx)) };
  const key = `${run.phase}-${run.try}`;
  await intend(tx, { kind: "phase", migrationId: run.migrationId, key, audience: "thread", facts });
  if (run.phase === "preflight") await tellFindings(tx, run);
}

/** What preflight found, each with its fix, in the thread; rendered from what the checks left in the journal. */
async function tellFindings<W extends RunnerWorld>(tx: Queryable, run: Run<W>): Promise<void> {
  await intend(tx, {
    kind: "findings",
    migrationId: run.migrationId,
    key: `findings-${run.try}`,
    audience: "thread",
    facts: { try: run.try },
  });
}

/** A message of its own: something failed, what that means, and what can be typed. */
export async function tellFailure<W extends RunnerWorld>(
  tx: Queryable,
  run: Run<W>,
  error: DrawbridgeError,
  how: {
    readonly title: string;
    readonly did: string;
    readonly safe: string;
    readonly putBack?: true;
    /** What can be typed; the code's own remedy unless told. */
    readonly type?: string;
  },
): Promise<void> {
  if (run.phase === "preflight") await tellFindings(tx, run);
  await intend(tx, {
    kind: "failure",
    migrationId: run.migrationId,
    key: `${run.phase}-${run.try}-${run.lease.epoch}`,
    audience: "main",
    priority: 2,
    facts: {
      ...how,
      phase: run.phase,
      try: run.try,
      ...(run.window === undefined ? {} : { windowId: String(run.window.id) }),
      code: error.code,
      message: error.message,
      type: how.type ?? error.remedy,
      cause: explain(error),
    },
  });
}
