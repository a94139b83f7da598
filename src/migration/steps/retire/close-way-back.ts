import { DrawbridgeError } from "../../../errors.ts";
import { passNoReturn } from "../../../journal/windows.ts";
import type { Step } from "../../step.ts";

/**
 * The point of no return of retiring, before anything is dropped: a veto that comes a moment later must not claim to have
 * kept a way back whose slots are gone.
 */
export const closeWayBack: Step = {
  name: "close-way-back",
  gate: "retire",
  noReturn: true,
  deadlineMs: 15_000,
  observe: async () => undefined,
  run: async (world, context) => {
    if (context.window === undefined) {
      throw new DrawbridgeError("DB_JOURNAL_CONFLICT", "the way back is closed only in the retire window");
    }
    await context.assertLease();
    const at = await passNoReturn(world.journal.db, context.window.id, context.epoch);
    if (at === undefined) throw new DrawbridgeError("DB_GATE_CLOSED", "somebody stopped the retiring before it began");
    return { at: at.toISOString() };
  },
  undo: "irreversible",
};
