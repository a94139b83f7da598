import type { Database, Queryable } from "./connect.ts";
import { qualified, quoteLiteral, type TableName } from "./identifier.ts";
import { inUserSchema, notOfExtension } from "./tables.ts";

/** One sequence and where it stands. */
export interface SequenceValue extends TableName {
  readonly lastValue: bigint;
  /** False: `lastValue` is the next value to be given out, not the last one given. */
  readonly isCalled: boolean;
  readonly increment: bigint;
  /** The value beyond which `nextval` fails or cycles: the maximum, or the minimum of a descending sequence. */
  readonly limit: bigint;
  readonly cycles: boolean;
  /** `schema.table.column` that owns it (serial or identity), `undefined` for a free one. */
  readonly ownedBy: string | undefined;
}

/** How many sequences one statement reads or sets. */
const batch = 200;

interface Row {
  schema: string;
  name: string;
  increment: string;
  limit: string;
  cycles: boolean;
  owned_by: string | null;
}

/** All user sequences with their exact state, serial, identity and free ones alike, sorted by name. */
export async function readSequences(db: Queryable): Promise<SequenceValue[]> {
  const rows = await db.query<Row>(`
    select n.nspname as schema, c.relname as name, s.seqincrement as increment,
      case when s.seqincrement > 0 then s.seqmax else s.seqmin end as limit, s.seqcycle as cycles,
      (select tn.nspname || '.' || t.relname || '.' || a.attname
       from pg_depend d join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
       join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
       where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
         and d.deptype in ('a', 'i') limit 1) as owned_by
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
    where c.relkind = 'S' and c.relpersistence <> 't' and ${inUserSchema} and ${notOfExtension("pg_class", "c.oid")}
    order by n.nspname, c.relname`);
  const values: SequenceValue[] = [];
  for (let at = 0; at < rows.length; at += batch) {
    const part = rows.slice(at, at + batch);
    const state = await readState(db, part);
    for (const [place, row] of part.entries()) {
      const { last_value, is_called } = state.get(place) ?? { last_value: "0", is_called: false };
      values.push({
        schema: row.schema,
        name: row.name,
        lastValue: BigInt(last_value),
        isCalled: is_called,
        increment: BigInt(row.increment),
        limit: BigInt(row.limit),
        cycles: row.cycles,
        ownedBy: row.owned_by ?? undefined,
      });
    }
  }
  return values;
}

interface State {
  place: number;
  last_value: string;
  is_called: boolean;
}

async function readState(db: Queryable, sequences: readonly TableName[]): Promise<Map<number, State>> {
  const selects = sequences.map(
    (name, place) => `select ${place} as place, last_value, is_called from ${qualified(name)}`,
  );
  const rows = await db.query<State>(selects.join(" union all "));
  return new Map(rows.map((row) => [row.place, row]));
}

/** Sets sequences to exactly these values, all in one transaction. Returns how many were set. */
export async function setSequences(db: Database, values: readonly SequenceValue[]): Promise<number> {
  return db.transaction(async (tx) => {
    for (let at = 0; at < values.length; at += batch) {
      const calls = values.slice(at, at + batch).map((value) => {
        return `setval(${quoteLiteral(qualified(value))}, ${value.lastValue}, ${value.isCalled})`;
      });
      // an array, since a row of results has room for 1,664 columns only
      await tx.query(`select array[${calls.join(", ")}] as set`);
    }
    return values.length;
  });
}

/** A sequence that differs between two databases, in words. */
export interface SequenceDifference extends TableName {
  readonly difference: string;
}

/** What `actual` has otherwise than `expected`; empty when all stand alike. */
export function compareSequences(
  expected: readonly SequenceValue[],
  actual: readonly SequenceValue[],
): SequenceDifference[] {
  const there = new Map(actual.map((value) => [qualified(value), value]));
  const wanted = new Set(expected.map(qualified));
  const extra = actual.filter((value) => !wanted.has(qualified(value)));
  return [
    ...expected.flatMap((value) => {
      const other = there.get(qualified(value));
      if (!other) return [{ ...named(value), difference: "missing" }];
      if (show(value) === show(other)) return [];
      return [{ ...named(value), difference: `${show(value)} here, ${show(other)} there` }];
    }),
    ...extra.map((value) => ({ ...named(value), difference: "only there" })),
  ];
}

function named({ schema, name }: TableName): TableName {
  return { schema, name };
}

function show({ lastValue, isCalled }: SequenceValue): string {
  return `${lastValue}${isCalled ? "" : " (not called)"}`;
}
