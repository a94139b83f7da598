import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Queryable } from "../../src/postgres/connect.ts";
import { archiveFolder } from "../support/archives.ts";

/** What a fixture's `expected.json` says. */
export interface Expected {
  readonly database: string;
  readonly system_identifier: string;
  readonly last_lsn: string;
  readonly tables: Readonly<Record<string, { readonly rows: number; readonly hash: string }>>;
}

/** Reads `expected.json` of one fixture. */
export async function readExpected(name: string): Promise<Expected> {
  const text = await readFile(join(archiveFolder(name), "expected.json"), "utf8");
  const parsed: unknown = JSON.parse(text);
  if (!isExpected(parsed)) throw new Error(`${name}/expected.json is not what it should be`);
  return parsed;
}

function isExpected(value: unknown): value is Expected {
  return typeof value === "object" && value !== null && "tables" in value && "last_lsn" in value;
}

/** Rows and hash of each table that the fixture names, in the form of `expected.json`. */
export async function readTables(session: Queryable, expected: Expected): Promise<Expected["tables"]> {
  const tables: Record<string, { rows: number; hash: string }> = {};
  for (const name of Object.keys(expected.tables)) {
    const [row] = await session.query<{ rows: string; hash: string }>(
      `select count(*) as rows, sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric)::text as hash from ${name} t`,
    );
    tables[name] = { rows: Number(row?.rows), hash: row?.hash ?? "" };
  }
  return tables;
}
