import { readGoal, setGoal } from "../../../journal/agent-goals.ts";
import { derivePassword, scramVerifier } from "../../../postgres/scram.ts";
import { adminRole, replicationRole } from "../../databases.ts";
import { demandNoVerdict } from "../../standby-guard.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";
import { aimBridge, rememberGoal, watchBridge } from "../restore/bridge-goal.ts";
import { demandFence } from "../window/demand-fence.ts";
import { keepWritersStopped } from "../window/writers.ts";

/** Gives the agent the goal `primary` and waits until it has promoted. The goal's row is locked while it does. */
export const promoteBridge: Step = {
  name: "promote-bridge",
  gate: "promote",
  once: true,
  deadlineMs: 120_000,
  remember: rememberGoal,
  validate: async (world, context) => {
    await demandFence(context);
    await demandNoVerdict(world);
  },
  observe: async () => undefined,
  run: async (world, context) => {
    const before = await readGoal(world.journal.db, world.migrationId);
    await keepWritersStopped(world, context);
    await demandFence(context);
    const epoch = await aimBridge(world, context, {
      goal: "primary",
      params: {
        ...before?.params,
        adminVerifier: verifier(world, adminRole),
        replVerifier: verifier(world, replicationRole),
      },
      // verifiers are salted: no two of one password are equal
      same: (standing) => standing.adminVerifier !== undefined && standing.replVerifier !== undefined,
    });
    const state = await watchBridge(world, context, {
      epoch,
      deadlineMs: 90_000,
      everyMs: 50,
      patience: 3,
      what: "the bridge's promotion",
      accept: (now) => now.state === "primary",
    });
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
