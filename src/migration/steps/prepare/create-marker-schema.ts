import { beat, dropMarkerSchema, ensureMarkerTable } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** Schema `drawbridge` on the source, with the marker table: our only trace there. */
export const createMarkerSchema: Step = {
  name: "create-marker-schema",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using db = openControl(await world.databases.sourceUrl(), "prepare");
    await context.assertLease();
    await ensureMarkerTable(db);
    await beat(db);
    return {};
  },
  undo: async (world) => {
    await using db = openControl(await world.databases.sourceUrl(), "prepare");
    await dropMarkerSchema(db);
  },
};
