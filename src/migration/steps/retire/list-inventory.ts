import type { Step } from "../../step.ts";

/** Every AWS object of the migration and its fate, so that nothing goes on costing money unseen. */
export const listInventory: Step = {
  name: "list-inventory",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world) => {
    const objects = await world.inventory(world.migrationId);
    return { objects: objects.map((object) => ({ ...object })) };
  },
  undo: "irreversible",
};
