import { demandNoDrift } from "../../schema-drift.ts";
import type { Step } from "../../step.ts";

/** Visitors get Heroku's maintenance page. It stops routing only: workers and one-off dynos go on until the next step. */
export const turnMaintenanceOn: Step = {
  name: "turn-maintenance-on",
  gate: "maintenance",
  deadlineMs: 60_000,
  validate: async (world, context) => {
    if (context.window?.name === "window-2") await demandNoDrift(world);
  },
  remember: async (world) => ({ maintenance: (await world.heroku.app(world.config.heroku.app)).maintenance }),
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    await world.heroku.setMaintenance(world.config.heroku.app, true);
    return {};
  },
  undo: async (world, context) => {
    await world.heroku.setMaintenance(world.config.heroku.app, context.memory["maintenance"] === true);
  },
};

/** Visitors reach the application again. */
export const turnMaintenanceOff: Step = {
  name: "turn-maintenance-off",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    await world.heroku.setMaintenance(world.config.heroku.app, false);
    return {};
  },
  undo: "irreversible",
};
