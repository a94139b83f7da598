import type { Step } from "../../step.ts";

/** Journals when the soak ends, so that a restart does not begin it anew. */
export const startSoak: Step = {
  name: "start-soak",
  deadlineMs: 30_000,
  observe: async () => undefined,
  run: async (world) => {
    const untilMs = world.clock.now().getTime() + world.config.policy.soakSeconds * 1000;
    return { until: new Date(untilMs).toISOString() };
  },
  undo: "irreversible",
};
