import { type Code, codes, DrawbridgeError } from "../errors.ts";
import { supersedeApprovals } from "../journal/approvals-rows.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import type { JsonObject } from "../journal/json.ts";
import { getMigration, setIntent, setPhase, setState } from "../journal/migrations.ts";
import { markPhase, phaseRuns, raiseTry } from "../journal/phase-runs.ts";
import { phases } from "../journal/phase.ts";
import { beginPutBack, currentWindow, endWindow } from "../journal/windows.ts";
import type { Queryable } from "../postgres/connect.ts";
import { retryDecision } from "./retry.ts";
import { errorFacts, type Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";
import { tellFailure, touchWindow } from "./tell-people.ts";
import { undoEarlierTries, undoSteps, type UndoResult } from "./undo.ts";

/** How taking back ended. `again`: an undo failed and is tried again later; nothing else runs before. */
export type TakenBack = "put-back" | "aborted" | "again" | "past-no-return";

/**
 * Puts an open window back (law 6): undoes what its try did, ends the window, and raises the phase's try, so that nothing
 * of it counts. What began is finished by whoever takes over. Returns `past-no-return`, having done nothing, beyond it.
 */
export async function putBack<W extends RunnerWorld>(run: Run<W>, cause: DrawbridgeError): Promise<TakenBack> {
  const { window } = run;
  if (window === undefined) return "past-no-return";
  const reason: JsonObject = { ...errorFacts(cause) };
  const begun = await fenced(run.world.journal, run.lease, async (tx) => {
    if (!(await beginPutBack(tx, window.id, reason))) return false;
    await tell(tx, run, "put-back-started", reason);
    return true;
  });
  if (!begun) return "past-no-return";
  const result = await undoSteps(run);
  if (result.failed.length > 0) return tryAgain(run, cause, result);
  await fenced(run.world.journal, run.lease, async (tx) => {
    await endWindow(tx, window.id, "put-back", `${cause.code}: ${cause.message}`);
    await restart(tx, run, cause, result);
    await touchWindow(tx, run, "put-back");
    await tell(tx, run, "put-back", { ...reason, window: window.name, irreversible: result.irreversible });
    await tellFailure(tx, run, cause, {
      title: `${window.name} was put back`,
      did: `undone: ${undone(result).toReversed().join(", ") || "nothing, for nothing had begun"}`,
      safe: "nothing lost",
      putBack: true,
      type: nextAfter(run, cause, result),
    });
  });
  return "put-back";
}

/** The phase, and phases whose work the window used up, begin anew. An abort was for this window: the migration lives on. */
async function restart<W extends RunnerWorld>(
  tx: Queryable,
  run: Run<W>,
  cause: DrawbridgeError,
  result: UndoResult,
): Promise<void> {
  await raiseTry(tx, run.migrationId, run.phase);
  await markPhase(tx, run, { state: "waiting", failures: 0, error: errorFacts(cause) });
  const again = run.plan.restartsWhenPutBack?.(result.attempted, cause.code) ?? [];
  for (const phase of again) await raiseTry(tx, run.migrationId, phase);
  const first = phases.find((phase) => again.includes(phase));
  if (first !== undefined) {
    await setPhase(tx, run.migrationId, first);
    await tell(tx, run, "phases-restarted", { phases: again });
  }
  if ((await getMigration(tx, run.migrationId))?.intent === "abort") {
    await setIntent(tx, run.migrationId, "run", "drawbridge");
  }
}

/** `abort` outside windows: undoes the present phase and ends the migration. Earlier phases' work is listed, not removed. */
export async function abandon<W extends RunnerWorld>(run: Run<W>, cause: DrawbridgeError): Promise<TakenBack> {
  const result = await undoSteps(run);
  const failed = [...result.failed, ...(await undoEarlierTries(run))];
  if (failed.length > 0) return tryAgain(run, cause, { ...result, failed });
  await fenced(run.world.journal, run.lease, async (tx) => {
    const asking = await currentWindow(tx, run.migrationId);
    if (asking) {
      await supersedeApprovals(tx, asking.id, "the migration was aborted");
      await endWindow(tx, asking.id, "cancelled", "the migration was aborted");
    }
    const left = (await phaseRuns(tx, run.migrationId)).filter((phase) => phase.state === "done");
    await markPhase(tx, run, { state: "failed", error: errorFacts(cause) });
    await setState(tx, run.migrationId, "aborted");
    const facts = { undone: undone(result), left: left.map((phase) => phase.phase) };
    await tell(tx, run, "migration-aborted", { ...facts, irreversible: result.irreversible });
    await tellFailure(tx, run, cause, {
      title: "The migration was aborted",
      did: `undone: ${facts.undone.join(", ") || "nothing"}; left from earlier phases: ${facts.left.join(", ") || "nothing"}`,
      safe: "nothing lost",
    });
  });
  return "aborted";
}

/** What to type after a window was put back: whatever the code's remedy says, the window can be asked for again. */
function nextAfter<W extends RunnerWorld>(run: Run<W>, cause: DrawbridgeError, result: UndoResult): string {
  const restarts = run.plan.restartsWhenPutBack?.(result.attempted, cause.code) ?? [];
  const again = restarts.length > 0;
  const what = restarts.includes("replicate") ? "The target is copied" : "The bridge is restored";
  const window = again
    ? `${what} again by itself first; when the card says so, \`/migrate window\` asks for approvals.`
    : "`/migrate window` asks for approvals again.";
  if (cause.code === "DB_ABORTED") return window;
  return cause.remedy.includes("/migrate window") && !again ? cause.remedy : `${cause.remedy} ${window}`;
}

function undone({ attempted, irreversible }: UndoResult): readonly string[] {
  return attempted.filter((step) => !irreversible.includes(step));
}

async function tryAgain<W extends RunnerWorld>(
  run: Run<W>,
  cause: DrawbridgeError,
  result: UndoResult,
): Promise<TakenBack> {
  const decision = retryDecision({ outcome: "retryable", retryAfterMs: undefined }, 2, "past-no-return");
  await fenced(run.world.journal, run.lease, async (tx) => {
    const dueInMs = decision.kind === "retry" ? decision.afterMs : 1_000;
    await markPhase(tx, run, { state: "retrying", dueInMs, error: errorFacts(cause) });
    await tell(tx, run, "undo-again", { steps: result.failed });
    await touchWindow(tx, run, `undo-again-${run.lease.epoch}`);
  });
  return "again";
}

/** Why a window is being put back, as the journal has it from whoever began. */
export function puttingBackFor<W extends RunnerWorld>(run: Run<W>): DrawbridgeError | undefined {
  const reason = run.window?.facts["puttingBack"];
  if (typeof reason !== "object" || !("code" in reason)) return undefined;
  const { code, message } = reason;
  const known = Object.keys(codes).find((name): name is Code => name === code) ?? "DB_UNEXPECTED";
  return new DrawbridgeError(known, typeof message === "string" ? message : "the window is being put back");
}

async function tell<W extends RunnerWorld>(tx: Queryable, run: Run<W>, kind: string, facts: JsonObject): Promise<void> {
  const where = { phase: run.phase, try: run.try };
  await appendEvent(tx, { migrationId: run.migrationId, kind, actor: run.worker, facts: { ...where, ...facts } });
}
