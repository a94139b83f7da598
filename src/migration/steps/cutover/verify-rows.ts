import { DrawbridgeError } from "../../../errors.ts";
import { tablesWithRows, userTables } from "../../../postgres/tables.ts";
import { compareHashes, hashTables } from "../../../postgres/verify.ts";
import { openControl } from "../../databases.ts";
import { demandSameSchema } from "../../schema-drift.ts";
import type { Step } from "../../step.ts";
import { demandFence } from "../window/demand-fence.ts";

/** Compares every table on both sides, by row count and a hash over all rows, while nobody can write to either. */
export const verifyRows: Step = {
  name: "verify-rows",
  deadlineMs: 900_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await demandFence(context);
    const unlimited = { statementTimeoutMs: 0, max: 3 };
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "verify", unlimited);
    await using target = openControl(await world.databases.targetUrl("master"), "verify", unlimited);
    await demandSameSchema(await context.output("load-schema"), bridge, target);
    const tables = tablesWithRows(await userTables(bridge));
    const how = { concurrency: 2, signal: context.signal };
    const [there, here] = await Promise.all([hashTables(bridge, tables, how), hashTables(target, tables, how)]);
    const differences = compareHashes(there, here);
    if (differences.length > 0) {
      const named = differences.slice(0, 5).map(({ schema, name, difference }) => `${schema}.${name} (${difference})`);
      throw new DrawbridgeError(
        "DB_VERIFY_DIFFERENCE",
        `${differences.length} of ${tables.length} tables differ: ${named.join(", ")}`,
      );
    }
    await demandFence(context);
    const rows = there.reduce((sum, table) => sum + table.rows, 0n);
    return { tables: tables.length, rows: Number(rows), differences: 0 };
  },
  undo: "irreversible",
};
