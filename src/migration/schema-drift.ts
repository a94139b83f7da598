import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "../postgres/connect.ts";
import { missingObjects, schemaObjects } from "../postgres/schema-objects.ts";
import type { StepContext } from "./step.ts";

/** What the bridge's schema has and the target's lacks, right after it was loaded: what was left behind knowingly. */
export async function leftBehind(bridge: Queryable, target: Queryable): Promise<string[]> {
  return missingObjects(await schemaObjects(bridge), await schemaObjects(target));
}

/**
 * Refuses to go on when the bridge's schema has got something since that the target lacks: replication carries no DDL, and
 * a unique index or a constraint that is missing on the new primary lets in what it should keep out.
 * @throws DrawbridgeError `DB_SCHEMA_DRIFT`, naming the objects.
 */
export async function demandSameSchema(context: StepContext, bridge: Queryable, target: Queryable): Promise<void> {
  const known = (await context.output("load-schema"))["leftBehind"];
  const knowingly = Array.isArray(known) ? known.map(String) : [];
  const fresh = missingObjects(await leftBehind(bridge, target), knowingly);
  if (fresh.length === 0) return;
  const more = fresh.length > 5 ? ` and ${fresh.length - 5} more` : "";
  throw new DrawbridgeError(
    "DB_SCHEMA_DRIFT",
    `the schema changed since it was carried over; the target lacks: ${fresh.slice(0, 5).join("; ")}${more}`,
  );
}
