import { dropPublication } from "../../../postgres/publications.ts";
import { dropSlot } from "../../../postgres/slots.ts";
import { dropSubscription } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/** Ends both directions of replication and drops their slots and publications. From here there is no way back. */
export const endReplication: Step = {
  name: "end-replication",
  gate: "retire",
  noReturn: true,
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const bounds = { deadlineMs: 30_000, signal: context.signal };
    const names = replicationNames(world.migrationId);
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "retire");
    await using target = openControl(await world.databases.targetUrl("master"), "retire");
    await context.assertLease();
    await dropSubscription(bridge, names.reverseSubscription, bounds);
    await dropSubscription(target, names.forwardSubscription, bounds);
    await dropSlot(target, names.reverseSubscription, bounds);
    await dropSlot(bridge, names.forwardSubscription, bounds);
    await dropPublication(target, names.reversePublication);
    await dropPublication(bridge, names.forwardPublication);
    return {};
  },
  undo: "irreversible",
};
