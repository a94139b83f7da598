import { DrawbridgeError } from "../../../errors.ts";
import { passNoReturn } from "../../../journal/windows.ts";
import type { Step } from "../../step.ts";
import { demandFence } from "./demand-fence.ts";
import { keepWritersStopped } from "./writers.ts";

/**
 * Writes the point of no return, in one statement that also looks whether anyone has stopped the window. From here the
 * window only goes forward, because the next step lets others write to the new primary.
 */
export const pointOfNoReturn: Step = {
  name: "point-of-no-return",
  noReturn: true,
  deadlineMs: 150_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await keepWritersStopped(world, context);
    await demandFence(context);
    if (context.window === undefined) {
      throw new DrawbridgeError("DB_JOURNAL_CONFLICT", "the point of no return exists only in a window");
    }
    await context.assertLease();
    const at = await passNoReturn(world.journal.db, context.window.id, context.epoch);
    if (at === undefined) {
      throw new DrawbridgeError("DB_WINDOW_DEADLINE", "the window was stopped, or its deadline passed");
    }
    return { at: at.toISOString() };
  },
  undo: "irreversible",
};
