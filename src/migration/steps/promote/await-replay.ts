import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { seesMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";

/** Seeing the marker on the bridge proves that everything before the fence is there (law 5). */
export const awaitReplay: Step = {
  name: "await-replay",
  deadlineMs: 330_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const nonce = textIn(await context.output("mark-source"), "nonce");
    await using bridge = openControl(await world.databases.bridgeUrl("owner"), "replay");
    const { markerSeconds } = world.config.policy;
    const startMs = world.clock.now().getTime();
    try {
      await waitFor(() => seesMarker(bridge, nonce), {
        deadlineMs: markerSeconds * 1000,
        everyMs: 30,
        signal: context.signal,
        what: "the marker on the bridge",
      });
    } catch (cause) {
      context.signal.throwIfAborted();
      throw new DrawbridgeError("DB_MARKER_MISSING", `the bridge did not show the marker within ${markerSeconds} s`, {
        cause,
      });
    }
    return { tookMs: world.clock.now().getTime() - startMs };
  },
  undo: "irreversible",
};
