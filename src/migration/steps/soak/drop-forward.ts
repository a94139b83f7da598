import { databaseIdentity } from "../../../postgres/catalog.ts";
import { dropPublication } from "../../../postgres/publications.ts";
import { dropSlot, dropSyncSlots } from "../../../postgres/slots.ts";
import { dropSubscription } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/**
 * Removes the forward direction for good: it lies behind the point of no return, and its slot would keep every byte of WAL
 * that the way back writes on the bridge, for as long as the soak takes.
 */
export const dropForward: Step = {
  name: "drop-forward",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const bounds = { deadlineMs: 30_000, signal: context.signal };
    const names = replicationNames(world.migrationId);
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "soak");
    await using target = openControl(await world.databases.targetUrl("master"), "soak");
    await context.assertLease();
    await dropSubscription(target, names.forwardSubscription, bounds);
    await dropSlot(bridge, names.forwardSubscription, bounds);
    await dropSyncSlots(bridge, (await databaseIdentity(target)).systemIdentifier);
    await dropPublication(bridge, names.forwardPublication);
    return {};
  },
  undo: "irreversible",
};
