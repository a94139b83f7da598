import { disableSubscription, enableSubscription } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/** Stops the forward subscription and waits until its worker is gone: never both directions at once (measured: a loop). */
export const disableForward: Step = {
  name: "disable-forward",
  deadlineMs: 30_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const name = replicationNames(world.migrationId).forwardSubscription;
    await using target = openControl(await world.databases.targetUrl("master"), "cutover");
    await context.assertLease();
    await disableSubscription(target, name, { deadlineMs: 20_000, signal: context.signal });
    return { subscription: name };
  },
  undo: async (world) => {
    const name = replicationNames(world.migrationId).forwardSubscription;
    await using target = openControl(await world.databases.targetUrl("master"), "cutover");
    await enableSubscription(target, name);
  },
};
