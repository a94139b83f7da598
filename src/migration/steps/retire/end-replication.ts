import { dropPublication } from "../../../postgres/publications.ts";
import { dropSlot } from "../../../postgres/slots.ts";
import { dropSubscription } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/** Ends the way back and drops its slot and publication; the forward direction went when the soak began. */
export const endReplication: Step = {
  name: "end-replication",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const bounds = { deadlineMs: 30_000, signal: context.signal };
    const names = replicationNames(world.migrationId);
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "retire");
    await using target = openControl(await world.databases.targetUrl("master"), "retire");
    await context.assertLease();
    await dropSubscription(bridge, names.reverseSubscription, bounds);
    await dropSlot(target, names.reverseSubscription, bounds);
    await dropPublication(target, names.reversePublication);
    return {};
  },
  undo: "irreversible",
};
