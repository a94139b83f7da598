import { analyzeAll, refreshMaterializedViews } from "../../../postgres/maintenance.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** Statistics for the planner, and rows for materialized views, neither of which logical replication carries. */
export const analyzeTarget: Step = {
  name: "analyze-target",
  deadlineMs: 14_400_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using target = openControl(await world.databases.targetUrl("master"), "replicate", { statementTimeoutMs: 0 });
    await context.assertLease();
    const views = await refreshMaterializedViews(target, context.signal);
    const tables = await analyzeAll(target, context.signal);
    return { tables, materializedViews: views };
  },
  undo: "irreversible",
};
