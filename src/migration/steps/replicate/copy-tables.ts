import { waitFor } from "../../../clock.ts";
import { watchApply } from "../../../postgres/apply-errors.ts";
import { copyProgress, copiedSize } from "../../../postgres/copy-progress.ts";
import { subscriptionStatus } from "../../../postgres/subscriptions.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/** Watches PostgreSQL copy: the work lives in the target's own workers, so a restarted worker goes on watching. */
export const copyTables: Step = {
  name: "copy-tables",
  deadlineMs: 172_800_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const name = replicationNames(world.migrationId).forwardSubscription;
    await using target = openControl(await world.databases.targetUrl("master"), "replicate");
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "replicate");
    const bytesTotal = (await copiedSize(bridge)).bytes;
    const look = await watchApply(target, name);
    await waitFor(
      async () => {
        await look();
        const tables = (await subscriptionStatus(target, name))?.tables ?? [];
        const ready = tables.filter((table) => table.state === "ready").length;
        const { bytesDone, rowsDone } = await copyProgress(target);
        await context.progress({ tablesDone: ready, tablesTotal: tables.length, bytesDone, rowsDone, bytesTotal });
        return tables.length > 0 && ready === tables.length;
      },
      { deadlineMs: 172_800_000, everyMs: 500, signal: context.signal, what: "every table to be copied" },
    );
    const { tables, rows, bytes } = await copiedSize(target);
    return { tables, rows, bytes };
  },
  undo: "irreversible",
};
