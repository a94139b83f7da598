import { readdir } from "node:fs/promises";
import { DrawbridgeError } from "../errors.ts";
import type { Queryable } from "../postgres/connect.ts";

/** Where the journal's schema lies, a file for each version. */
export const schemaDir = new URL("./schema/", import.meta.url);

/** Names of the schema's files, oldest first. */
export async function schemaFiles(): Promise<string[]> {
  return (await readdir(schemaDir)).filter((name) => /^\d{3}-.*\.sql$/.test(name)).toSorted();
}

/** The version that the last of these files makes. Pure. */
export function newestOf(files: readonly string[]): number {
  return Number(files.at(-1)?.slice(0, 3) ?? 0);
}

/** The version of the schema that is there; 0 when there is none. */
export async function schemaVersion(db: Queryable): Promise<number> {
  const [there] = await db.query<{ present: boolean }>(
    "select to_regclass('journal.schema_version') is not null as present",
  );
  if (there?.present !== true) return 0;
  const [row] = await db.query<{ version: number }>(
    "select coalesce(max(version), 0) as version from journal.schema_version",
  );
  return row?.version ?? 0;
}

/**
 * For whoever is about to work with the journal: its schema must be the one that this program was written for. A missing column
 * would otherwise show in the middle of a window.
 * @throws DrawbridgeError `DB_JOURNAL_CONFLICT` when it is older or newer; `DB_CONNECTION`.
 */
export async function demandSchema(db: Queryable): Promise<void> {
  const [have, wanted] = [await schemaVersion(db), newestOf(await schemaFiles())];
  if (have > wanted) throw newerJournal(have, wanted);
  if (have < wanted) {
    throw new DrawbridgeError(
      "DB_JOURNAL_CONFLICT",
      `the journal has schema version ${have}, this program needs ${wanted}: run \`drawbridge journal init\` first`,
    );
  }
}

/** The error of a program that is older than its journal. */
export function newerJournal(have: number, known: number): DrawbridgeError {
  return new DrawbridgeError(
    "DB_JOURNAL_CONFLICT",
    `the journal has schema version ${have}, this program knows ${known}: run the newer program`,
  );
}
