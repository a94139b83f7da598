import { randomUUID } from "node:crypto";
import { DrawbridgeError } from "../../../errors.ts";
import { databaseIdentity } from "../../../postgres/catalog.ts";
import { formatLsn } from "../../../postgres/lsn.ts";
import { commitMarker, padWal } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";
import { demandFence } from "../window/demand-fence.ts";

/**
 * Commits the marker behind the fence and fills its WAL segment up, so that Heroku archives it at once: the owner may not
 * call pg_switch_wal. Refuses when the bridge is already promoted, for then no marker can reach it any more.
 */
export const markSource: Step = {
  name: "mark-source",
  deadlineMs: 30_000,
  validate: async (world, context) => {
    await demandFence(context);
    await using bridge = openControl(await world.databases.bridgeUrl("owner"), "mark");
    if (!(await databaseIdentity(bridge)).inRecovery) {
      throw new DrawbridgeError("DB_RESTORE_AGAIN", "the bridge was promoted before this fence; it does not count");
    }
  },
  observe: async () => undefined,
  run: async (world, context) => {
    const nonce = randomUUID();
    await using source = openControl(await world.databases.sourceUrl(), "mark");
    await context.assertLease();
    const lsn = await commitMarker(source, "window-1", nonce);
    await padWal(source, lsn);
    return { nonce, lsn: formatLsn(lsn) };
  },
  undo: "irreversible",
};
