import type { Database, Queryable } from "./connect.ts";
import { qualified, quoteIdent, type TableName } from "./identifier.ts";
import type { TableFacts } from "./tables.ts";

/** Creates a publication of exactly these tables, or brings an existing one to them. Leaves of partition trees are listed themselves. */
export async function ensurePublication(db: Database, name: string, tables: readonly TableName[]): Promise<void> {
  // `only`: children of plain inheritance are tables of their own in the list
  const list = tables.map((table) => `only ${qualified(table)}`).join(", ");
  await db.transaction(async (tx) => {
    const [found] = await tx.query("select 1 as found from pg_publication where pubname = $1", [name]);
    if (!found) await tx.query(`create publication ${quoteIdent(name)}`);
    if (list !== "") await tx.query(`alter publication ${quoteIdent(name)} set table ${list}`);
  });
}

/** The tables of a publication, sorted; empty when there is none. */
export async function publishedTables(db: Queryable, name: string): Promise<TableName[]> {
  return db.query<TableName>(
    "select schemaname as schema, tablename as name from pg_publication_tables where pubname = $1 order by 1, 2",
    [name],
  );
}

/** Drops a publication; nothing happens when there is none. */
export async function dropPublication(db: Queryable, name: string): Promise<void> {
  await db.query(`drop publication if exists ${quoteIdent(name)}`);
}

/** Which identity a table gets, and which it had. */
export interface IdentityChange extends TableName {
  readonly from: TableFacts["replicaIdentity"];
  /** `full`, or the unique index that serves. */
  readonly to: "full" | { readonly index: string };
}

/**
 * Decides the replica identity of tables that could not be updated once published: a usable unique index where there is one, else
 * FULL. The same decision has to be carried out on both sides, or the way back fails at the first UPDATE.
 */
export function planReplicaIdentities(tables: readonly TableFacts[]): IdentityChange[] {
  return tables
    .filter(({ identityUsable, kind }) => !identityUsable && (kind === "table" || kind === "partition"))
    .map(({ schema, name, replicaIdentity: from, usableUniqueIndex: index }) => {
      return { schema, name, from, to: index === undefined ? ("full" as const) : { index } };
    });
}

/**
 * Sets replica identities as planned, each in its own short transaction: the table is locked exclusively for a moment.
 * A table that stays busy for `lockTimeoutMs` fails the call; calling again goes on.
 */
export async function setReplicaIdentities(
  db: Database,
  plan: readonly IdentityChange[],
  lockTimeoutMs = 2_000,
): Promise<number> {
  for (const change of plan) {
    const to = change.to === "full" ? "full" : `using index ${quoteIdent(change.to.index)}`;
    await db.transaction((tx) => tx.query(`alter table only ${qualified(change)} replica identity ${to}`), {
      lockTimeoutMs,
    });
  }
  return plan.length;
}

/**
 * Lets a role read WAL: membership in `rds_replication` where that role exists (RDS), else the REPLICATION attribute,
 * which only a superuser (16 and later: a holder with CREATEROLE) may give.
 */
export async function grantReplication(db: Queryable, role: string): Promise<void> {
  const [rds] = await db.query("select 1 as found from pg_roles where rolname = 'rds_replication'");
  if (rds) {
    await db.query(`grant rds_replication to ${quoteIdent(role)}`);
    return;
  }
  const [has] = await db.query("select 1 as found from pg_roles where rolname = $1 and (rolreplication or rolsuper)", [
    role,
  ]);
  if (!has) await db.query(`alter role ${quoteIdent(role)} replication`);
}

/**
 * Lets a replication role log in here, read what is published, and pass row security, under which a copy would silently
 * miss rows. Needs a superuser. `pg_read_all_data` exists from 14 on.
 */
export async function grantPublisher(db: Queryable, role: string, database: string): Promise<void> {
  await db.query(`grant connect on database ${quoteIdent(database)} to ${quoteIdent(role)}`);
  await db.query(`grant pg_read_all_data to ${quoteIdent(role)}`);
  await db.query(`alter role ${quoteIdent(role)} bypassrls`);
}
