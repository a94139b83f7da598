import type { Step } from "../../step.ts";

/**
 * Gives the Heroku database a second name on the app, days before the window: Heroku refuses to detach an add-on's last
 * attachment, and each attachment is a release with a restart.
 */
export const keepSecondAttachment: Step = {
  name: "keep-second-attachment",
  deadlineMs: 900_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const { app, addon } = world.config.heroku;
    await context.assertLease();
    const attachment = await world.heroku.ensureSecondAttachment(app, addon);
    return { attachment: attachment.name };
  },
  undo: "irreversible",
};
