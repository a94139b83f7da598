import { randomUUID } from "node:crypto";
import { formatLsn } from "../../../postgres/lsn.ts";
import { commitMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";
import { demandFence } from "../window/demand-fence.ts";

/** Commits the marker behind the fence on the bridge. */
export const markBridge: Step = {
  name: "mark-bridge",
  deadlineMs: 15_000,
  validate: async (_world, context) => demandFence(context),
  observe: async () => undefined,
  run: async (world, context) => {
    const nonce = randomUUID();
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "mark");
    await context.assertLease();
    const lsn = await commitMarker(bridge, "window-2", nonce);
    return { nonce, lsn: formatLsn(lsn) };
  },
  undo: "irreversible",
};
