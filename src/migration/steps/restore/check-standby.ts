import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { databaseIdentity } from "../../../postgres/catalog.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** Looks with our own eyes, over SQL, that the bridge is a standby of this very source. */
export const checkStandby: Step = {
  name: "check-standby",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using source = openControl(await world.databases.sourceUrl(), "check");
    const wanted = await databaseIdentity(source);
    await using bridge = openControl(await world.databases.bridgeUrl("owner"), "check");
    const found = await waitFor(() => databaseIdentity(bridge).catch(() => undefined), {
      deadlineMs: 60_000,
      everyMs: 500,
      signal: context.signal,
      what: "the bridge to answer queries",
    });
    if (found.systemIdentifier !== wanted.systemIdentifier) {
      throw new DrawbridgeError("DB_RESTORE_AGAIN", "the bridge was restored from another cluster's archive");
    }
    if (!found.inRecovery) {
      throw new DrawbridgeError("DB_RESTORE_AGAIN", "the bridge is not in recovery; it must be restored again");
    }
    return { systemIdentifier: found.systemIdentifier, timeline: found.timeline };
  },
  undo: "irreversible",
};
