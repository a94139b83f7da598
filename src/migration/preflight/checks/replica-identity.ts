import type { TableFacts } from "../../../postgres/tables.ts";
import { tablesWithRows } from "../../../postgres/tables.ts";
import { blocker, type Check, count, listed, note, type Remark, warning } from "../finding.ts";

/** Numbers 9 and 10: what identifies a row when it is updated or deleted, and what that costs. */
export const replicaIdentity: Check = {
  name: "replica-identity",
  judge: ({ source }) => {
    if (!source) return undefined;
    const tables = tablesWithRows(source.tables);
    const byIndex = tables.filter((table) => !table.identityUsable && table.usableUniqueIndex !== undefined);
    const byWholeRow = tables.filter((table) => usesWholeRow(table));
    const hopeless = byWholeRow.filter(({ columnsWithoutEquality: columns }) => columns.length > 0);
    const costly = byWholeRow.filter((table) => !hopeless.includes(table));
    return [
      ...hopeless.map(impossible),
      ...(costly.length === 0 ? [] : [wholeRow(costly)]),
      ...(byIndex.length === 0 ? [] : [uniqueIndex(byIndex)]),
    ];
  },
};

/** Whether updates and deletes would be found by the whole row: no key at all, or FULL by choice without a primary key. */
function usesWholeRow(table: TableFacts): boolean {
  if (!table.identityUsable) return table.usableUniqueIndex === undefined;
  return table.replicaIdentity === "full" && !table.hasPrimaryKey;
}

const full = ({ schema, name }: TableFacts): string => `${schema}.${name}`;

function impossible(table: TableFacts): Remark {
  const columns = table.columnsWithoutEquality;
  const deferrable = table.hasPrimaryKey
    ? "Its primary key is deferrable and cannot identify rows for replication."
    : "It has no primary key and no unique index over NOT NULL columns.";
  return blocker(
    `${full(table)}: ${deferrable} Its ${columns.length === 1 ? "column" : "columns"} ${listed(columns)} cannot be compared, so that an UPDATE or DELETE could not be found on the target and replication would stop (${rate(table)}).`,
    `Give it a key: \`alter table ${full(table)} add column drawbridge_id bigint generated always as identity primary key;\`, a primary key over existing columns, or change json to jsonb.`,
  );
}

function wholeRow(tables: readonly TableFacts[]): Remark {
  const busy = tables.toSorted((a, b) => Number(b.updates + b.deletes - a.updates - a.deletes));
  const shown = busy.map(
    (table) => `${full(table)} (${rate(table)}${table.hasPrimaryKey ? ", its key is deferrable" : ""})`,
  );
  return warning(
    `${count(tables.length, "table")} without a usable key: ${listed(shown)}. Drawbridge gives ${tables.length === 1 ? "it" : "them"} REPLICA IDENTITY FULL on the bridge; each UPDATE or DELETE then looks through the table on the target.`,
    "Nothing to do for small or insert-only tables. For busy ones add a primary key before `/migrate start`.",
  );
}

function uniqueIndex(tables: readonly TableFacts[]): Remark {
  const shown = tables.map((table) => `${full(table)} (${table.usableUniqueIndex ?? ""})`);
  return note(
    `${count(tables.length, "table")} without a primary key will be identified by a unique index: ${listed(shown)}.`,
    "Nothing to do: Drawbridge sets REPLICA IDENTITY USING INDEX on the bridge.",
  );
}

function rate({ updates, deletes, estimatedRows }: TableFacts): string {
  const rows = estimatedRows < 0 ? "never analysed" : `about ${Math.round(estimatedRows)} rows`;
  return `${rows}, ${updates} updates and ${deletes} deletes since the statistics began`;
}
