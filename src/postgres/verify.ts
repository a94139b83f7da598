import { DrawbridgeError, explain } from "../errors.ts";
import type { Database } from "./connect.ts";
import { qualified, type TableName } from "./identifier.ts";

/** What a table holds, as two numbers. */
export interface TableHash extends TableName {
  readonly rows: bigint;
  /** Sum over all rows of the first 64 bits of `md5(row::text)`, signed, in decimal; `0` for an empty table. */
  readonly hash: string;
}

/** How to hash. */
export interface HashOptions {
  /** Tables at a time, 2 unless told; the pool needs one connection more (for cancelling). */
  readonly concurrency?: number;
  readonly signal?: AbortSignal | undefined;
  /** The longest that one table may take, 10 minutes unless told. */
  readonly deadlineMs?: number;
  /** Called after each table. */
  readonly onTable?: (hash: TableHash) => void;
}

// Everything that changes how a value prints. Set in each transaction, so that neither role, database nor client matters.
// row_security off: an error where a policy would hide rows.
const pinned = `
  select set_config('extra_float_digits', '3', true), set_config('datestyle', 'ISO, YMD', true),
    set_config('timezone', 'UTC', true), set_config('bytea_output', 'hex', true), set_config('intervalstyle', 'postgres', true),
    set_config('xmlbinary', 'base64', true), set_config('lc_monetary', 'C', true), set_config('search_path', '', true),
    set_config('row_security', 'off', true), set_config('quote_all_identifiers', 'off', true)`;

/**
 * Counts and hashes tables by the text of their rows, which is the same in PostgreSQL 14 to 18 (internal hash functions
 * are not), generated columns included. The order of rows does not matter; a partition's parent counts nothing itself.
 * @throws DrawbridgeError naming the table; the signal's reason when aborted (running statements are cancelled).
 */
export async function hashTables(
  db: Database,
  tables: readonly TableName[],
  options: HashOptions = {},
): Promise<TableHash[]> {
  const queue = [...tables.entries()];
  const results: TableHash[] = [];
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [place, table] = next;
      const hash = await hashTable(db, table, { ...options, signal });
      results[place] = hash;
      options.onTable?.(hash);
    }
  };
  const lanes = Array.from({ length: options.concurrency ?? 2 }, () =>
    lane().catch((thrown: unknown) => {
      failed.abort(thrown);
      throw thrown;
    }),
  );
  await Promise.allSettled(lanes);
  options.signal?.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  return results;
}

async function hashTable(db: Database, table: TableName, options: HashOptions): Promise<TableHash> {
  options.signal?.throwIfAborted();
  const run = async (): Promise<TableHash> =>
    db.transaction(
      async (tx) => {
        await tx.query("set transaction read only");
        await tx.query(pinned);
        const [self] = await tx.query<{ pid: number }>("select pg_backend_pid() as pid");
        const stop = cancelOnAbort(db, self?.pid ?? 0, options.signal);
        try {
          // `(alias.*)`, since a column may have the alias's name
          const [row] = await tx.query<{ rows: string; hash: string }>(
            `select pg_catalog.count(*) as rows,
               coalesce(pg_catalog.sum(('x' || pg_catalog.left(pg_catalog.md5((the_row.*)::text), 16))::bit(64)::bigint::numeric), 0)::text as hash
             from only ${qualified(table)} the_row`,
          );
          return { schema: table.schema, name: table.name, rows: BigInt(row?.rows ?? 0), hash: row?.hash ?? "0" };
        } finally {
          stop();
        }
      },
      { isolation: "repeatable read", statementTimeoutMs: options.deadlineMs ?? 600_000 },
    );
  try {
    return await run();
  } catch (cause) {
    const code = cause instanceof DrawbridgeError ? cause.code : "DB_UNEXPECTED";
    throw new DrawbridgeError(code, `hash of ${qualified(table)}: ${explain(cause)}`, { cause });
  }
}

/** Cancels the statement of backend `pid` when the signal aborts; call the result to stop caring. */
function cancelOnAbort(db: Database, pid: number, signal: AbortSignal | undefined): () => void {
  const cancel = (): void => void db.query("select pg_cancel_backend($1)", [pid]).catch(() => undefined);
  signal?.addEventListener("abort", cancel, { once: true });
  return () => signal?.removeEventListener("abort", cancel);
}

/** A table that differs. */
export interface HashDifference extends TableName {
  readonly difference: string;
}

/** Which tables of `expected` are missing in `actual`, or hold other rows; and which only `actual` has. */
export function compareHashes(expected: readonly TableHash[], actual: readonly TableHash[]): HashDifference[] {
  const there = new Map(actual.map((table) => [qualified(table), table]));
  const known = new Set(expected.map(qualified));
  const differences = expected.flatMap(({ schema, name, rows, hash }) => {
    const other = there.get(qualified({ schema, name }));
    if (!other) return [{ schema, name, difference: "missing" }];
    if (other.rows !== rows) return [{ schema, name, difference: `${rows} rows here, ${other.rows} there` }];
    if (other.hash !== hash) return [{ schema, name, difference: `same ${rows} rows by count, other content` }];
    return [];
  });
  const extra = actual.filter((table) => !known.has(qualified(table)));
  return [...differences, ...extra.map(({ schema, name }) => ({ schema, name, difference: "only there" }))];
}
