import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Client } from "pg";
import { z } from "zod";

const writeOps = ["insert", "update", "delete"] as const;

/** What a dyno can do to an order. */
export type WriteOp = (typeof writeOps)[number];

const entrySchema = z.object({
  /** Milliseconds since 1970, with fractions. */
  at: z.number(),
  /**
   * `insert`, `update`, `delete`: the database acknowledged the COMMIT. `failed`: it certainly did not commit. `unknown`: the answer
   * to the COMMIT was lost. `attempt`: written before the COMMIT of every delete, since a dyno that is killed right after it leaves no more.
   */
  op: z.enum([...writeOps, "failed", "unknown", "attempt"]),
  /** What was tried, for the last three. */
  intended: z.enum(writeOps).optional(),
  /** The order's key (uuid), chosen by the shop; empty when an update or delete failed before it had chosen an order. */
  id: z.string(),
  /** The order's version after the write; 0 when not known. */
  version: z.number(),
  dyno: z.string(),
  /** `host:port` that the session had logged in to. */
  database: z.string(),
  /** Why, for `failed` and `unknown`. */
  error: z.string().optional(),
});

/** One line of the ledger. */
export type LedgerEntry = z.infer<typeof entrySchema>;

/** Appends one line, durable against the death of the process. Lines of several dynos do not mix: one write call each. */
export function appendLedger(path: string, entry: LedgerEntry): void {
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

/** The present moment for the ledger, in milliseconds since 1970 with fractions. */
export const ledgerNow = (): number => performance.timeOrigin + performance.now();

/** Reads the ledger in order of time. A last line that is cut off is left out; a missing file is an empty ledger. */
export async function readLedger(path: string): Promise<readonly LedgerEntry[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "";
    throw cause;
  });
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => entrySchema.parse(JSON.parse(line))).toSorted((a, b) => a.at - b.at);
}

/** Whether a write was acknowledged by the database. */
export const acknowledged = (entry: LedgerEntry): boolean =>
  entry.op === "insert" || entry.op === "update" || entry.op === "delete";

/** What the ledger says about one order. */
interface Expectation {
  /** Highest acknowledged version; undefined when no insert or update was acknowledged. */
  version: number | undefined;
  deleted: boolean;
  /** Deletes that were about to be committed and did not certainly fail: the order may be there or not. */
  openDeletes: number;
}

/** Acknowledged writes and those of them that the database does not show. */
export interface LedgerCheck {
  readonly acknowledged: number;
  /** Orders whose last acknowledged state does not hold. */
  readonly missing: number;
  /** The first ten of them in words. */
  readonly missingExamples: readonly string[];
}

/**
 * Compares what was acknowledged with what is there, regardless of the order of the lines: an order with an acknowledged delete is absent;
 * one with an acknowledged insert or update is present at that version or a later one, unless a delete may have been committed.
 */
export function compareLedger(entries: readonly LedgerEntry[], found: ReadonlyMap<string, number>): LedgerCheck {
  const missing: string[] = [];
  for (const [id, { version, deleted, openDeletes }] of expectations(entries)) {
    const there = found.get(id);
    if (deleted) {
      if (there !== undefined) missing.push(`order ${id}: acknowledged delete, still there at version ${there}`);
      continue;
    }
    if (version === undefined || (there === undefined && openDeletes > 0)) continue;
    if (there === undefined) missing.push(`order ${id}: acknowledged at version ${version}, absent`);
    else if (there < version) missing.push(`order ${id}: acknowledged at version ${version}, found ${there}`);
  }
  return {
    acknowledged: entries.filter(acknowledged).length,
    missing: missing.length,
    missingExamples: missing.slice(0, 10),
  };
}

function expectations(entries: readonly LedgerEntry[]): ReadonlyMap<string, Expectation> {
  const orders = new Map<string, Expectation>();
  for (const { op, intended, id, version } of entries) {
    if (id === "") continue;
    const order = orders.get(id) ?? { version: undefined, deleted: false, openDeletes: 0 };
    orders.set(id, order);
    if (op === "delete") order.deleted = true;
    else if (op === "insert" || op === "update") order.version = Math.max(order.version ?? 0, version);
    else if (op === "attempt") order.openDeletes += 1;
    else if (op === "failed" && intended === "delete") order.openDeletes -= 1;
  }
  return orders;
}

/** Reads the orders that the ledger names from the database at `url` and compares. Nobody may write meanwhile. */
export async function checkLedger(entries: readonly LedgerEntry[], url: string): Promise<LedgerCheck> {
  return compareLedger(entries, await findOrders(entries, url));
}

/**
 * The same while the shop goes on writing: an order that it began to delete after the ledger was read may be there or not.
 * Everything else that was acknowledged until then has to hold.
 */
export async function checkLedgerWhileWriting(path: string, url: string): Promise<WrittenLedgerCheck> {
  return checkLedgerAgainst(path, (entries) => findOrders(entries, url));
}

/** A check, and the entries that it was about. */
export type WrittenLedgerCheck = LedgerCheck & { readonly entries: readonly LedgerEntry[] };

/** Reads the ledger, looks up its orders, and then looks which deletes had begun meanwhile. */
export async function checkLedgerAgainst(
  path: string,
  find: (entries: readonly LedgerEntry[]) => Promise<ReadonlyMap<string, number>>,
): Promise<WrittenLedgerCheck> {
  const entries = await readLedger(path);
  const found = await find(entries);
  const attempts = (ledger: readonly LedgerEntry[]): readonly LedgerEntry[] =>
    ledger.filter(({ op }) => op === "attempt");
  const known = new Set(attempts(entries).map(({ id, at }) => `${id} ${at}`));
  const since = attempts(await readLedger(path)).filter(({ id, at }) => !known.has(`${id} ${at}`));
  return { ...compareLedger([...entries, ...since], found), entries };
}

/** The present version of each order that the ledger names and the database has. */
async function findOrders(entries: readonly LedgerEntry[], url: string): Promise<ReadonlyMap<string, number>> {
  const ids = [...new Set(entries.map((entry) => entry.id))].filter((id) => id !== "");
  const found = new Map<string, number>();
  const client = new Client({ connectionString: url, statement_timeout: 60_000 });
  await client.connect();
  try {
    for (let at = 0; at < ids.length; at += 5_000) {
      const { rows } = await client.query<{ key: string; version: number }>(
        "select key::text as key, version from shop.orders where key = any($1::uuid[])",
        [ids.slice(at, at + 5_000)],
      );
      for (const { key, version } of rows) found.set(key, version);
    }
  } finally {
    await client.end();
  }
  return found;
}

/** A stretch without acknowledged writes. Times in milliseconds since 1970. */
export interface Outage {
  readonly from: number;
  readonly to: number;
  readonly outageMs: number;
}

/**
 * The longest stretch between two successive acknowledged writes that touches the window: writes go on a little after it starts,
 * until its fence stands. Undefined when there is no write before, or none yet after.
 */
export function outages(entries: readonly LedgerEntry[], windowStart: number, windowEnd: number): Outage | undefined {
  const times = entries
    .filter(acknowledged)
    .map((entry) => entry.at)
    .toSorted((a, b) => a - b);
  const afterIndex = times.findIndex((at) => at > windowEnd);
  if (afterIndex < 0) return undefined;
  let longest: Outage | undefined;
  for (let index = 1; index <= afterIndex; index++) {
    const from = times[index - 1];
    const to = times[index];
    if (from === undefined || to === undefined || to < windowStart) continue;
    if (longest === undefined || to - from > longest.outageMs) longest = { from, to, outageMs: to - from };
  }
  return longest;
}

/** When each database (`host:port`) first acknowledged a write, in milliseconds since 1970. */
export function firstAckByDatabase(entries: readonly LedgerEntry[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { at, database } of entries.filter(acknowledged)) {
    first.set(database, Math.min(at, first.get(database) ?? Infinity));
  }
  return first;
}
