import { advanceSlot } from "../../../postgres/slots.ts";
import { createSubscription, dropSubscription, subscriptionStatus } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/**
 * Moves the reverse slot to now, past everything the forward subscription wrote (it would come back as duplicate keys), and
 * creates the reverse subscription, disabled.
 */
export const prepareReverse: Step = {
  name: "prepare-reverse",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const names = replicationNames(world.migrationId);
    await using target = openControl(await world.databases.targetUrl("master"), "reverse");
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "reverse");
    await context.assertLease();
    await advanceSlot(target, names.reverseSubscription);
    if ((await subscriptionStatus(bridge, names.reverseSubscription)) === undefined) {
      await createSubscription(bridge, {
        name: names.reverseSubscription,
        publication: names.reversePublication,
        publisher: await world.databases.targetUrl("master"),
        createSlot: false,
        copyData: false,
        enabled: false,
      });
    }
    return { subscription: names.reverseSubscription };
  },
  undo: async (world, context) => {
    const { reverseSubscription } = replicationNames(world.migrationId);
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "reverse");
    await dropSubscription(bridge, reverseSubscription, { deadlineMs: 15_000, signal: context.signal });
  },
};
