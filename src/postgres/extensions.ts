import type { ExtensionFacts } from "./catalog.ts";
import type { Queryable } from "./connect.ts";
import { quoteIdent } from "./identifier.ts";

/**
 * Creates an extension in the schema that it has on the source, with the target's own version. Extensions cannot come out
 * of a dump, since most of them only load for a role that RDS trusts with them.
 */
export async function createExtension(db: Queryable, extension: ExtensionFacts): Promise<void> {
  if (extension.schema !== "pg_catalog") await db.query(`create schema if not exists ${quoteIdent(extension.schema)}`);
  const place = extension.schema === "pg_catalog" ? "" : `schema ${quoteIdent(extension.schema)}`;
  await db.query(`create extension if not exists ${quoteIdent(extension.name)} ${place} cascade`);
}
