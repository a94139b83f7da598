import { waitFor } from "../../../clock.ts";
import { readAgentState, readGoal, setGoal } from "../../../journal/agent-goals.ts";
import type { Step } from "../../step.ts";
import { agentError } from "../restore/restore-standby.ts";

/** The bridge is production now and has no backup: the agent takes one into our own bucket. */
export const takeFirstBackup: Step = {
  name: "take-first-backup",
  deadlineMs: 86_400_000,
  observe: async (world) => {
    const state = await readAgentState(world.journal.db, world.migrationId);
    return state?.facts.firstBackup === undefined ? undefined : { backup: state.facts.firstBackup };
  },
  run: async (world, context) => {
    const goal = await readGoal(world.journal.db, world.migrationId);
    await context.assertLease();
    await setGoal(world.journal.db, world.migrationId, "primary", { ...goal?.params, firstBackup: true });
    const backup = await waitFor(
      async () => {
        const state = await readAgentState(world.journal.db, world.migrationId);
        await context.progress({ agent: state?.state, ...state?.facts });
        if (state?.state === "failed") throw agentError(state.facts.error);
        return state?.facts.firstBackup;
      },
      { deadlineMs: 86_400_000, everyMs: 500, signal: context.signal, what: "the bridge's first backup" },
    );
    return { backup };
  },
  undo: "irreversible",
};
