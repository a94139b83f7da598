import { DrawbridgeError } from "../../../errors.ts";
import { databaseIdentity } from "../../../postgres/catalog.ts";
import { seesMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";
import { demandFence } from "../window/demand-fence.ts";

/** Trusts nothing the agent said: the promoted bridge is looked at over SQL, with the fence still standing. */
export const checkBridge: Step = {
  name: "check-bridge",
  deadlineMs: 30_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await demandFence(context);
    const standby = await context.output("check-standby");
    const nonce = textIn(await context.output("mark-source"), "nonce");
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "check");
    const found = await databaseIdentity(bridge);
    const rows = await bridge.query<{ wal_level: string; prepared: string }>(
      "select current_setting('wal_level') as wal_level, (select count(*) from pg_prepared_xacts) as prepared",
    );
    const wrong = [
      found.inRecovery && "it is still in recovery",
      found.systemIdentifier !== standby["systemIdentifier"] && "it is another cluster",
      found.timeline <= Number(standby["timeline"]) && "its timeline did not change",
      rows[0]?.wal_level !== "logical" && "its wal_level is not logical",
      rows[0]?.prepared !== "0" && "it holds prepared transactions",
      !(await seesMarker(bridge, nonce)) && "the marker is not there",
    ].filter((each) => each !== false);
    if (wrong.length > 0)
      throw new DrawbridgeError("DB_RESTORE_AGAIN", `the promoted bridge is not right: ${wrong.join(", ")}`);
    await demandFence(context);
    return { timeline: found.timeline };
  },
  undo: "irreversible",
};
