import { deleteMintedAgent } from "../../../journal/agent-goals.ts";
import { dropMarkerSchema } from "../../../postgres/marker.ts";
import { bootstrapKey } from "../../bootstrap.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** Our schema on source and target, and the agent's bootstrap document with its journal role. */
export const removeTraces: Step = {
  name: "remove-traces",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    await using source = openControl(await world.databases.sourceUrl(), "retire");
    await dropMarkerSchema(source);
    await using target = openControl(await world.databases.targetUrl("master"), "retire");
    await dropMarkerSchema(target);
    await world.bucket.delete(bootstrapKey(world.migrationId));
    await deleteMintedAgent(world.journal.db, world.migrationId);
    return {};
  },
  undo: "irreversible",
};
