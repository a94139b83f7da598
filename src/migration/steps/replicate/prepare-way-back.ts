import { markerTable } from "../../../postgres/marker.ts";
import {
  dropPublication,
  ensurePublication,
  grantReplication,
  planReplicaIdentities,
  setReplicaIdentities,
} from "../../../postgres/publications.ts";
import { createSlot, dropSlot } from "../../../postgres/slots.ts";
import { tablesWithRows, userTables } from "../../../postgres/tables.ts";
import { masterRole, openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import type { Step } from "../../step.ts";

/**
 * Publication and slot on the target, for the way back. Made here and not in the window: making a slot waits for every
 * open transaction, advancing one does not.
 */
export const prepareWayBack: Step = {
  name: "prepare-way-back",
  deadlineMs: 300_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const names = replicationNames(world.migrationId);
    await using target = openControl(await world.databases.targetUrl("master"), "way-back");
    await context.assertLease();
    const tables = tablesWithRows(await userTables(target));
    await setReplicaIdentities(target, planReplicaIdentities(tables));
    await ensurePublication(target, names.reversePublication, [...tables, markerTable]);
    await grantReplication(target, masterRole);
    await createSlot(target, names.reverseSubscription);
    return { publication: names.reversePublication, slot: names.reverseSubscription };
  },
  undo: async (world, context) => {
    const names = replicationNames(world.migrationId);
    await using target = openControl(await world.databases.targetUrl("master"), "way-back");
    await dropSlot(target, names.reverseSubscription, { deadlineMs: 20_000, signal: context.signal });
    await dropPublication(target, names.reversePublication);
  },
};
