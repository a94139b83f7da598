import { markerTable } from "../../../postgres/marker.ts";
import { dropPublication, ensurePublication, grantPublisher } from "../../../postgres/publications.ts";
import { tablesWithRows, userTables } from "../../../postgres/tables.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import { openControl, replicationRole } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/** The publication on the bridge: an explicit list, so that a table which exists only there cannot break the subscription. */
export const createForwardPublication: Step = {
  name: "create-publication",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const name = replicationNames(world.migrationId).forwardPublication;
    const url = await world.databases.bridgeUrl("admin");
    await using bridge = openControl(url, "replicate");
    const tables = [...tablesWithRows(await userTables(bridge)), markerTable];
    await context.assertLease();
    await grantPublisher(bridge, replicationRole, parseDatabaseUrl(url).database);
    await ensurePublication(bridge, name, tables);
    return { publication: name, tables: tables.length };
  },
  undo: async (world) => {
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "replicate");
    await dropPublication(bridge, replicationNames(world.migrationId).forwardPublication);
  },
};
