import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { seesMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";

/** The marker has to come out of the subscription: proof that every row before the fence did too. */
export const awaitMarker: Step = {
  name: "await-marker",
  deadlineMs: 330_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const nonce = textIn(await context.output("mark-bridge"), "nonce");
    await using target = openControl(await world.databases.targetUrl("master"), "marker");
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
