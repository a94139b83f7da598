import type { DrawbridgeError } from "../errors.ts";
import { explain } from "../errors.ts";
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

/** A line in the thread: the phase ended. */
export async function tellPhase<W extends RunnerWorld>(tx: Queryable, run: Run<W>, ms: number): Promise<void> {
  const facts = { phase: run.phase, try: run.try, outcome: "done", ms };
  const key = `${run.phase}-${run.try}`;
  await intend(tx, { kind: "phase", migrationId: run.migrationId, key, audience: "thread", facts });
}

/** A message of its own: something failed, what that means, and what can be typed. */
export async function tellFailure<W extends RunnerWorld>(
  tx: Queryable,
  run: Run<W>,
  error: DrawbridgeError,
  how: { readonly title: string; readonly did: string; readonly safe: string; readonly putBack?: true },
): Promise<void> {
  await intend(tx, {
    kind: "failure",
    migrationId: run.migrationId,
    key: `${run.phase}-${run.try}-${run.lease.epoch}`,
    audience: "main",
    priority: 2,
    facts: {
      ...how,
      phase: run.phase,
      code: error.code,
      message: error.message,
      type: error.remedy,
      cause: explain(error),
    },
  });
}
