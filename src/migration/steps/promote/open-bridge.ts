import { liftFence } from "../../../postgres/unfence.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import type { Step } from "../../step.ts";

/**
 * Lifts the read-only default that came along in the restored catalogue. The source keeps its own: nobody shall write
 * there again.
 */
export const openBridge: Step = {
  name: "open-bridge",
  deadlineMs: 30_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    const url = await world.databases.bridgeUrl("admin");
    await liftFence(url, parseDatabaseUrl(url).database);
    return {};
  },
  undo: "irreversible",
};
