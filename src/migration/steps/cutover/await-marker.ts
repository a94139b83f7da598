import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import type { Database } from "../../../postgres/connect.ts";
import { seesMarker } from "../../../postgres/marker.ts";
import { enableSubscription, subscriptionStatus } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import { textIn } from "../../step-output.ts";
import type { Step, StepContext } from "../../step.ts";
import type { World } from "../../world.ts";

/** The marker has to come out of the subscription: proof that every row before the fence did too. */
export const awaitMarker: Step = {
  name: "await-marker",
  deadlineMs: 330_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const nonce = textIn(await context.output("mark-bridge"), "nonce");
    await using target = openControl(await world.databases.targetUrl("master"), "marker");
    await letForwardRun(world, context, target);
    const { markerSeconds } = world.config.policy;
    const startMs = world.clock.now().getTime();
    try {
      await waitFor(() => seesMarker(target, nonce), {
        deadlineMs: markerSeconds * 1000,
        everyMs: 20,
        signal: context.signal,
        what: "the marker on the target",
      });
    } catch (cause) {
      context.signal.throwIfAborted();
      throw new DrawbridgeError("DB_MARKER_MISSING", `the target did not show the marker within ${markerSeconds} s`, {
        cause,
      });
    }
    return { tookMs: world.clock.now().getTime() - startMs };
  },
  undo: "irreversible",
};

/**
 * After the fence was lost and raised again, an earlier pass of this window may have disabled the forward subscription; the
 * new marker has to come through it all the same. The reverse one is at most made, never enabled, before the point of no return.
 */
async function letForwardRun(world: World, context: StepContext, target: Database): Promise<void> {
  const name = replicationNames(world.migrationId).forwardSubscription;
  if ((await subscriptionStatus(target, name))?.enabled !== false) return;
  await context.assertLease();
  await enableSubscription(target, name);
}
