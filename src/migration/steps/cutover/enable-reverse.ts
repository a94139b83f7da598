import { endFenceSessions } from "../../../postgres/fence-sessions.ts";
import { enableSubscription } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/**
 * Opens the way back: the bridge is fed by the target from here on. The fence's locks are let go first, for they would
 * stop the apply worker; the bridge stays read-only for everyone else.
 */
export const enableReverse: Step = {
  name: "enable-reverse",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const name = replicationNames(world.migrationId).reverseSubscription;
    await context.held("fence")?.[Symbol.asyncDispose]();
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "reverse");
    await context.assertLease();
    // those of a worker that died or was cut off, which this process does not hold
    await endFenceSessions(bridge);
    await enableSubscription(bridge, name);
    return { subscription: name };
  },
  undo: "irreversible",
};
