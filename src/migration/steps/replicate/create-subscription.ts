import { databaseIdentity } from "../../../postgres/catalog.ts";
import { dropSlot, dropSyncSlots } from "../../../postgres/slots.ts";
import { createSubscription, dropSubscription, subscriptionStatus } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/** The subscription on the target; PostgreSQL makes the slot on the bridge and copies the rows that stand there. */
export const createForwardSubscription: Step = {
  name: "create-subscription",
  deadlineMs: 300_000,
  observe: async (world) => {
    const name = replicationNames(world.migrationId).forwardSubscription;
    await using target = openControl(await world.databases.targetUrl("master"), "replicate");
    return (await subscriptionStatus(target, name)) === undefined ? undefined : { subscription: name };
  },
  run: async (world, context) => {
    const names = replicationNames(world.migrationId);
    await using target = openControl(await world.databases.targetUrl("master"), "replicate", {
      statementTimeoutMs: 240_000,
    });
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "replicate");
    await context.assertLease();
    // An earlier attempt may have died between making the slot and committing the subscription.
    await dropSlot(bridge, names.forwardSubscription, { deadlineMs: 20_000, signal: context.signal });
    await createSubscription(target, {
      name: names.forwardSubscription,
      publication: names.forwardPublication,
      publisher: await world.databases.bridgeUrl("replication"),
      createSlot: true,
      copyData: true,
      enabled: true,
    });
    return { subscription: names.forwardSubscription };
  },
  undo: async (world, context) => {
    const bounds = { deadlineMs: 20_000, signal: context.signal };
    const name = replicationNames(world.migrationId).forwardSubscription;
    await using target = openControl(await world.databases.targetUrl("master"), "replicate");
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "replicate");
    await dropSubscription(target, name, bounds);
    await dropSlot(bridge, name, bounds);
    await dropSyncSlots(bridge, (await databaseIdentity(target)).systemIdentifier);
  },
};
