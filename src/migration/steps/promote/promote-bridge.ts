import { waitFor } from "../../../clock.ts";
import { readAgentState, readGoal, setGoal } from "../../../journal/agent-goals.ts";
import { derivePassword, scramVerifier } from "../../../postgres/scram.ts";
import { adminRole, replicationRole } from "../../databases.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";
import { agentError } from "../restore/restore-standby.ts";
import { demandFence } from "../window/demand-fence.ts";

/** Gives the agent the goal `primary` and waits until it has promoted. The goal's row is locked while it does. */
export const promoteBridge: Step = {
  name: "promote-bridge",
  gate: "promote",
  once: true,
  deadlineMs: 120_000,
  validate: async (_world, context) => demandFence(context),
  observe: async () => undefined,
  run: async (world, context) => {
    const before = await readGoal(world.journal.db, world.migrationId);
    await context.assertLease();
    const epoch = await setGoal(world.journal.db, world.migrationId, "primary", {
      ...before?.params,
      adminVerifier: verifier(world, adminRole),
      replVerifier: verifier(world, replicationRole),
    });
    const state = await waitFor(
      async () => {
        const now = await readAgentState(world.journal.db, world.migrationId);
        if (now === undefined || now.epoch !== epoch) return undefined;
        if (now.state === "failed") throw agentError(now.facts.error);
        return now.state === "primary" ? now : undefined;
      },
      { deadlineMs: 90_000, everyMs: 50, signal: context.signal, what: "the bridge's promotion" },
    );
    return { timeline: state.facts.timeline ?? 0, epoch: String(epoch) };
  },
  // A promoted bridge has left the source's timeline: it can only be restored again.
  undo: async (world) => {
    await setGoal(world.journal.db, world.migrationId, "wiped", {});
  },
};

function verifier(world: World, role: string): string {
  return scramVerifier(derivePassword(world.key, world.migrationId, role, 1));
}
