import { isDeepStrictEqual } from "node:util";
import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { readAgentState, readGoal, setGoal } from "../../../journal/agent-goals.ts";
import type { AgentGoal, AgentParams, AgentState } from "../../../journal/agent-rows.ts";
import type { JsonObject } from "../../../journal/json.ts";
import { faultOfAgent } from "../../standby-guard.ts";
import { textIn } from "../../step-output.ts";
import type { StepContext } from "../../step.ts";
import type { World } from "../../world.ts";

/** For {@link Step.remember}: the goal's epoch before the step's first attempt, by which a later one knows its own goal. */
export async function rememberGoal(world: World): Promise<JsonObject> {
  return { goalBefore: String((await readGoal(world.journal.db, world.migrationId))?.epoch ?? 0) };
}

/**
 * Gives the agent a goal, once in a try of the step: a restarted worker finds the goal of the attempt before it and goes on
 * watching. A goal set anew would make the agent begin a restore of hours from zero. A goal on which the agent has given
 * up is set anew. `same` says whether the parameters of the goal that stands will do.
 * @returns the goal's epoch.
 */
export async function aimBridge(
  world: World,
  context: StepContext,
  aim: {
    readonly goal: AgentGoal["goal"];
    readonly params: AgentParams;
    readonly same?: (standing: AgentParams) => boolean;
  },
): Promise<bigint> {
  const { db } = world.journal;
  const standing = await readGoal(db, world.migrationId);
  const same = aim.same ?? ((params) => isDeepStrictEqual(params, JSON.parse(JSON.stringify(aim.params))));
  const ours = standing?.goal === aim.goal && standing.epoch > BigInt(textIn(context.memory, "goalBefore"));
  if (ours && same(standing.params)) {
    const state = await readAgentState(db, world.migrationId);
    if (state?.epoch !== standing.epoch || !hasGivenUp(state)) return standing.epoch;
  }
  await context.assertLease();
  return setGoal(db, world.migrationId, aim.goal, aim.params);
}

/** How many failures that wait for a person are looked on at: the agent tries again every ten seconds. */
const pausedPatience = 6;

/** How the agent is watched. */
export interface BridgeWatch {
  /** What it says of older goals does not count. */
  readonly epoch: bigint;
  readonly deadlineMs: number;
  readonly everyMs: number;
  /** How many failures that the agent itself tries again are looked on at, before the step fails. */
  readonly patience: number;
  /** "the bridge's promotion" */
  readonly what: string;
  readonly accept: (state: AgentState) => boolean;
}

/**
 * Waits until the agent says, of this goal, what is wanted; its words are the card's progress meanwhile.
 * @throws DrawbridgeError `DB_BRIDGE` with the agent's own error, `DB_WAIT_TIMEOUT`.
 */
export async function watchBridge(world: World, context: StepContext, watch: BridgeWatch): Promise<AgentState> {
  const failures = new Set<string>();
  let told = "";
  return waitFor(
    async () => {
      const now = await readAgentState(world.journal.db, world.migrationId);
      if (now === undefined || now.epoch !== watch.epoch) return undefined;
      // once for each of its reports: the look may be much more frequent
      if (now.stamp !== told) await context.progress({ agent: now.state, ...now.facts });
      told = now.stamp;
      if (now.state === "failed") {
        failures.add(now.stamp);
        // keys may be renewed without anybody's doing
        const patience =
          now.facts.error?.outcome === "paused" ? Math.min(pausedPatience, watch.patience) : watch.patience;
        if (now.facts.error?.outcome === "terminal" || failures.size > patience)
          throw faultOfAgent(now) ?? silentFailure();
      }
      return watch.accept(now) ? now : undefined;
    },
    { deadlineMs: watch.deadlineMs, everyMs: watch.everyMs, signal: context.signal, what: watch.what },
  );
}

/** A failure that the agent does not mend by trying again. */
function hasGivenUp(state: AgentState): boolean {
  const outcome = state.facts.error?.outcome;
  return state.state === "failed" && (outcome === "terminal" || outcome === "paused");
}

function silentFailure(): DrawbridgeError {
  return new DrawbridgeError("DB_BRIDGE", "the agent failed and does not say why");
}
