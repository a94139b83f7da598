import { randomUUID } from "node:crypto";
import { Pool, type PoolClient } from "pg";
import { appendLedger, type LedgerEntry, ledgerNow, type WriteOp } from "./ledger.ts";

/** What a dyno of the shop is told by its environment. */
export interface ShopSettings {
  readonly databaseUrl: string;
  readonly ledger: string;
  readonly dyno: string;
}

/** An acknowledged write, or why there is none. */
export type WriteResult =
  | { readonly outcome: "acknowledged"; readonly id: string; readonly version: number }
  | { readonly outcome: "failed" | "unknown"; readonly id: string; readonly error: string }
  | { readonly outcome: "nothing" };

/** The shop's orders. Every write goes to the ledger; none is ever tried a second time. */
export interface ShopStore extends AsyncDisposable {
  /** `host:port` of DATABASE_URL. */
  readonly database: string;
  insert(): Promise<WriteResult>;
  update(): Promise<WriteResult>;
  delete(): Promise<WriteResult>;
  list(): Promise<ReadonlyArray<{ key: string; version: number; status: string }>>;
  ping(): Promise<void>;
}

/** An order that a transaction has touched and is about to commit. */
interface Touched {
  readonly id: string;
  readonly version: number;
}

export function openShopStore(settings: ShopSettings): ShopStore {
  const pool = new Pool({
    connectionString: settings.databaseUrl,
    max: 4,
    connectionTimeoutMillis: 3_000,
    statement_timeout: 10_000,
    query_timeout: 12_000,
    idle_in_transaction_session_timeout: 20_000,
    application_name: `shop ${settings.dyno}`,
  });
  // An idle connection that the server ends is no failure: the next write opens another.
  pool.on("error", (cause) => console.log(`idle connection lost: ${cause.message}`));
  const { hostname, port } = new URL(settings.databaseUrl);
  const database = `${hostname}:${port || "5432"}`;
  const run = (op: WriteOp, id: string, work: Work) => write(pool, settings, database, op, id, work);
  return {
    database,
    insert: () => {
      const id = randomUUID();
      return run("insert", id, (client) => insertOrder(client, id));
    },
    update: () => run("update", "", updateOrder),
    delete: () => run("delete", "", deleteOrder),
    list: async () => {
      const { rows } = await pool.query<{ key: string; version: number; status: string }>(
        "select key::text as key, version, status::text as status from shop.orders order by id desc limit 20",
      );
      return rows;
    },
    ping: async () => {
      await pool.query("select 1");
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

type Work = (client: PoolClient) => Promise<Touched | undefined>;

/** One transaction, one line in the ledger. After COMMIT was sent, a broken connection leaves the outcome unknown. */
async function write(
  pool: Pool,
  settings: ShopSettings,
  database: string,
  op: WriteOp,
  knownId: string,
  work: Work,
): Promise<WriteResult> {
  let id = knownId;
  let version = 0;
  let committing = false;
  let client: PoolClient | undefined;
  const note = (entry: Pick<LedgerEntry, "op"> & Partial<LedgerEntry>) =>
    appendLedger(settings.ledger, { at: ledgerNow(), id, version, dyno: settings.dyno, database, ...entry });
  try {
    client = await pool.connect();
    await client.query("begin");
    const touched = await work(client);
    if (touched === undefined) {
      await client.query("rollback");
      client.release();
      return { outcome: "nothing" };
    }
    ({ id, version } = touched);
    if (op === "delete") note({ op: "attempt", intended: op });
    committing = true;
    const { command } = await client.query("commit");
    committing = false;
    if (command !== "COMMIT") throw new Error(`COMMIT was answered with ${command}`);
    note({ op });
    client.release();
    return { outcome: "acknowledged", id, version };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : String(thrown);
    const outcome = committing ? "unknown" : "failed";
    note({ op: outcome, intended: op, error });
    console.log(`${op} ${id} ${outcome}: ${error}`);
    client?.release(true);
    return { outcome, id, error };
  }
}

async function insertOrder(client: PoolClient, key: string): Promise<Touched> {
  const customer = await client.query<{ id: string }>(
    `insert into shop.customers (email, name) values ($1, 'Visitor')
     on conflict (email) do update set name = excluded.name returning id`,
    [`visitor-${Math.floor(Math.random() * 5_000)}@shop.example`],
  );
  const order = await client.query<{ id: string }>(
    "insert into shop.orders (key, customer_id, amount) values ($1, $2, round((random() * 200)::numeric, 2)) returning id",
    [key, customer.rows[0]?.id],
  );
  await client.query(
    `insert into shop.order_lines (order_id, line_no, sku, quantity, unit_price)
     select $1::bigint, n, 'sku-' || n, n, 9.99 from generate_series(1, 2) as n`,
    [order.rows[0]?.id],
  );
  return { id: key, version: 1 };
}

/** One of the latest orders that nobody else has in hand. */
const someOrder = `select id from shop.orders order by id desc
  offset floor(random() * 100) limit 1 for update skip locked`;

async function updateOrder(client: PoolClient): Promise<Touched | undefined> {
  const { rows } = await client.query<Touched>(
    `update shop.orders set version = version + 1, updated_at = now(), note = 'seen again',
       status = (enum_range(null::shop.order_status))[1 + floor(random() * 5)::int]
     where id = (${someOrder}) returning key::text as id, version`,
  );
  return rows[0];
}

async function deleteOrder(client: PoolClient): Promise<Touched | undefined> {
  const { rows } = await client.query<Touched>(
    `delete from shop.orders where id = (${someOrder}) returning key::text as id, version`,
  );
  return rows[0];
}
