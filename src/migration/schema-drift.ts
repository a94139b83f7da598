import { DrawbridgeError } from "../errors.ts";
import { lastOutput } from "../journal/attempts.ts";
import type { JsonObject } from "../journal/json.ts";
import type { Queryable } from "../postgres/connect.ts";
import { missingObjects, schemaObjects } from "../postgres/schema-objects.ts";
import { openControl } from "./databases.ts";
import type { World } from "./world.ts";

/** What the bridge's schema has and the target's lacks, right after it was loaded: what was left behind knowingly. */
export async function leftBehind(bridge: Queryable, target: Queryable): Promise<string[]> {
  return missingObjects(await schemaObjects(bridge), await schemaObjects(target));
}

/**
 * Refuses to go on when the bridge's schema has got something since that the target lacks: replication carries no DDL, and
 * a unique index or a constraint that is missing on the new primary lets in what it should keep out. `loaded`: the output of
 * `load-schema`.
 * @throws DrawbridgeError `DB_SCHEMA_DRIFT`, naming the objects.
 */
export async function demandSameSchema(loaded: JsonObject, bridge: Queryable, target: Queryable): Promise<void> {
  const known = loaded["leftBehind"];
  const knowingly = Array.isArray(known) ? known.map(String) : [];
  const fresh = missingObjects(await leftBehind(bridge, target), knowingly);
  if (fresh.length === 0) return;
  const more = fresh.length > 5 ? ` and ${fresh.length - 5} more` : "";
  throw new DrawbridgeError(
    "DB_SCHEMA_DRIFT",
    `the schema changed since it was carried over; the target lacks: ${fresh.slice(0, 5).join("; ")}${more}`,
  );
}

/**
 * The same look before window 2, while the application still writes: what is found only behind the fence has cost an outage.
 * @throws DrawbridgeError `DB_SCHEMA_DRIFT`, naming the objects.
 */
export async function demandNoDrift(world: World): Promise<void> {
  const replicated = { migrationId: world.migrationId, phase: "cutover", try: 0 } as const;
  const loaded = await lastOutput(world.journal.db, replicated, "load-schema");
  await using bridge = openControl(await world.databases.bridgeUrl("admin"), "schema-drift");
  await using target = openControl(await world.databases.targetUrl("master"), "schema-drift");
  await demandSameSchema(loaded ?? {}, bridge, target);
}
