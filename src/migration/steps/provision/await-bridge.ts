import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { readAgentState } from "../../../journal/agent-goals.ts";
import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";

/** Waits until the host runs and its agent has said hello, having reached journal, Redis and archive from there. */
export const awaitBridge: Step = {
  name: "await-bridge",
  deadlineMs: 900_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const id = textIn(await context.output("launch-bridge"), "instanceId");
    const running = await world.ec2.waitRunning(id, { deadlineMs: 600_000, signal: context.signal });
    const hello = await waitFor(
      async () => {
        const state = await readAgentState(world.journal.db, world.migrationId);
        await context.progress({ instance: id, agent: state?.state ?? "not heard of yet" });
        return state?.facts.reaches === undefined ? undefined : state;
      },
      { deadlineMs: 300_000, everyMs: 500, signal: context.signal, what: "the agent's hello from the bridge" },
    );
    const reaches = hello.facts.reaches;
    const missing = Object.entries(reaches ?? {}).flatMap(([what, ok]) => (ok ? [] : [what]));
    if (missing.length > 0) {
      throw new DrawbridgeError("DB_BRIDGE", `the agent cannot reach ${missing.join(" and ")} from the bridge`);
    }
    return { instanceId: id, privateIp: running.privateIp ?? "", publicIp: running.publicIp ?? "" };
  },
  undo: "irreversible",
};
