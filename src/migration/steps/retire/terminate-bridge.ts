import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";

/** Terminates the bridge; its own backups stay in our bucket. */
export const terminateBridge: Step = {
  name: "terminate-bridge",
  deadlineMs: 900_000,
  observe: async (world) => {
    const living = (await world.ec2.findByTag(world.migrationId)).filter(({ state }) => state !== "terminated");
    return living.length === 0 ? {} : undefined;
  },
  run: async (world, context) => {
    const instanceId = textIn(await context.output("launch-bridge"), "instanceId");
    await context.assertLease();
    await world.ec2.terminate(instanceId);
    await world.ec2.waitGone(instanceId, { deadlineMs: 600_000, signal: context.signal, everyMs: 1000 });
    return { instanceId };
  },
  undo: "irreversible",
};
