import { readAgentState, readGoal } from "../../../journal/agent-goals.ts";
import type { Step } from "../../step.ts";
import { aimBridge, rememberGoal, watchBridge } from "../restore/bridge-goal.ts";

/** The bridge is production now and has no backup: the agent takes one into our own bucket. */
export const takeFirstBackup: Step = {
  name: "take-first-backup",
  deadlineMs: 86_400_000,
  remember: rememberGoal,
  // only what the agent says of the present bridge: an earlier one, wiped since, may have had a backup too
  observe: async (world) => {
    const goal = await readGoal(world.journal.db, world.migrationId);
    const state = await readAgentState(world.journal.db, world.migrationId);
    if (goal?.goal !== "primary" || state?.epoch !== goal.epoch) return undefined;
    return state.facts.firstBackup === undefined ? undefined : { backup: state.facts.firstBackup };
  },
  run: async (world, context) => {
    const goal = await readGoal(world.journal.db, world.migrationId);
    const epoch = await aimBridge(world, context, {
      goal: "primary",
      params: { ...goal?.params, firstBackup: true },
    });
    const state = await watchBridge(world, context, {
      epoch,
      deadlineMs: 86_400_000,
      everyMs: 500,
      patience: 20,
      what: "the bridge's first backup",
      accept: (now) => now.facts.firstBackup !== undefined,
    });
    const backup = state.facts.firstBackup ?? "";
    return { backup };
  },
  undo: "irreversible",
};
