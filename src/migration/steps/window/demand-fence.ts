import { DrawbridgeError } from "../../../errors.ts";
import type { StepContext } from "../../step.ts";

/**
 * Looks that this process still owns the fence that this window raised, that its locks are held, and that no table
 * stands outside of them. @throws DrawbridgeError `DB_FENCE_LOST`.
 */
export async function demandFence(context: StepContext): Promise<void> {
  const fence = context.held("fence");
  if (fence === undefined || fence.lost.aborted) {
    throw new DrawbridgeError("DB_FENCE_LOST", "the session that holds the write fence is gone");
  }
  await fence.prove?.();
}
