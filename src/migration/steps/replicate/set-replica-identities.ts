import { planReplicaIdentities, setReplicaIdentities } from "../../../postgres/publications.ts";
import { tablesWithRows, userTables } from "../../../postgres/tables.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/**
 * Gives every table a usable replica identity before it is published: without one, UPDATE and DELETE fail in production
 * the moment the publication exists. The schema dump carries the same identities to the target.
 */
export const setBridgeIdentities: Step = {
  name: "set-replica-identities",
  deadlineMs: 300_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "replicate");
    const changes = planReplicaIdentities(tablesWithRows(await userTables(bridge)));
    await context.assertLease();
    await setReplicaIdentities(bridge, changes);
    return { changed: changes.map((table) => `${table.schema}.${table.name}`) };
  },
  undo: "irreversible",
};
