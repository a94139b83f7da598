import { findServerUser } from "../archive/server/server-user.ts";
import { asDrawbridgeError, explain, type DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import { faultFacts, report, type AgentContext, type AgentDeps } from "./context.ts";
import { freshLooks } from "./follow.ts";
import { tickMs, watchGoal } from "./goal-watch.ts";
import { instancePaths, prepareInstance, readRecord } from "./instance.ts";
import { closeRunning, reachGoal, type Running } from "./reach-goal.ts";
import { readOnlyStore } from "./read-only-store.ts";
import { ensureServerTls } from "./server-tls.ts";

/** How long after a failure that only a person or time can mend the agent tries again, in milliseconds. */
const pausedRetryMs = 10_000;

/**
 * The agent's life: reads its goal, makes the local PostgreSQL what it says, and tells the journal how things are, until
 * `signal` aborts. May be killed and started again at any moment; PostgreSQL goes on without it.
 * @throws DrawbridgeError only when it cannot begin (`DB_CONFIG`, `DB_BAD_INPUT`).
 */
export async function runAgent(given: AgentDeps): Promise<void> {
  const deps: AgentDeps = { ...given, archive: readOnlyStore(given.archive) };
  const user = await findServerUser(deps.pgUser);
  const paths = instancePaths(deps.instanceDir);
  await prepareInstance(paths, user);
  const record = await readRecord(paths);
  const context: AgentContext = { deps, paths, user, record, walFault: undefined, lastSegment: undefined };
  const running: Running = { courier: undefined, looks: freshLooks(), firstBackup: undefined };
  const looks: Looks = { failed: undefined, greeted: false };
  using watch = watchGoal(deps);
  try {
    while (!deps.signal.aborted) {
      await watch.rest(await lookOnce(context, running, looks));
    }
  } finally {
    await closeRunning(running);
  }
}

/** What one look tells the next. */
interface Looks {
  /** The goal that cannot be reached until a person changes something, and why. */
  failed: { readonly epoch: bigint; readonly fault: DrawbridgeError } | undefined;
  greeted: boolean;
}

/** Reads the goal and works on it. Resolves with the pause until the next look, in milliseconds. */
async function lookOnce(context: AgentContext, running: Running, looks: Looks): Promise<number> {
  const { deps } = context;
  let goal: AgentGoal | undefined;
  try {
    goal = await deps.journal.readGoal();
  } catch (cause) {
    deps.log.warn({ cause: explain(cause) }, "the journal cannot be read");
  }
  if (!goal) return tickMs;
  if (looks.failed?.epoch === goal.epoch) {
    await report(context, goal, "failed", { error: faultFacts(looks.failed.fault) });
    return tickMs;
  }
  try {
    if (!looks.greeted) {
      // what is missing on this host is told before a restore that takes hours
      await ensureServerTls(context);
      await report(context, goal, "hello");
      looks.greeted = true;
    }
    await reachGoal(context, running, goal);
    return tickMs;
  } catch (thrown) {
    const fault = asDrawbridgeError(thrown);
    if (deps.signal.aborted || fault.outcome === "aborted") return 0;
    const facts = { goal: goal.goal, epoch: goal.epoch.toString(), code: fault.code, fault: explain(fault) };
    deps.log.error(facts, "the goal is not reached");
    if (fault.outcome === "terminal") looks.failed = { epoch: goal.epoch, fault };
    await report(context, goal, "failed", { error: faultFacts(fault) });
    return fault.outcome === "paused" ? pausedRetryMs : tickMs;
  }
}
