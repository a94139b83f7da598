import { readFile } from "node:fs/promises";
import { Client } from "pg";

/** How much sample data: a number of orders, or so many bytes on disk, indexes included. */
export type SeedSize = { readonly orders: number } | { readonly bytes: number };

/** Orders of one transaction; also keeps the WAL of a large seed in digestible pieces. */
const chunkOrders = 20_000;

/** Makes the shop's schema as the role of `url`. */
export async function createShop(url: string): Promise<void> {
  const sql = await readFile(new URL("./shop-schema.sql", import.meta.url), "utf8");
  await withClient(url, async (client) => {
    await client.query(`begin;\n${sql}\ncommit;`);
  });
}

/** Fills the shop with orders, made by the server itself; the same seed gives the same orders. Returns how many. */
export async function seedShop(
  url: string,
  size: SeedSize,
  seed: number,
  signal?: AbortSignal,
): Promise<{ readonly orders: number; readonly bytes: number }> {
  return withClient(url, async (client) => {
    const customers = 1_000;
    await client.query(
      `insert into shop.customers (email, name, since)
       select 'customer-' || n || '@shop.example', 'Customer ' || md5($1::text || n), date '2020-01-01' + n
       from generate_series(1, $2::int) as n`,
      [String(seed), customers],
    );
    let orders = 0;
    let bytes = await sizeOf(client);
    while ("orders" in size ? orders < size.orders : bytes < size.bytes) {
      signal?.throwIfAborted();
      const count = "orders" in size ? Math.min(chunkOrders, size.orders - orders) : chunkOrders;
      await client.query(chunkSql, [String(seed), orders + 1, orders + count, customers]);
      orders += count;
      bytes = await sizeOf(client);
    }
    await client.query("analyze shop.customers, shop.orders, shop.order_lines");
    return { orders, bytes };
  });
}

const chunkSql = `
  with made as (
    insert into shop.orders (key, customer_id, amount, status, note, updated_at)
    select md5($1::text || '/' || n)::uuid, 1 + n % $4::int, (n % 100000) / 100.0,
      (enum_range(null::shop.order_status))[1 + n % 5], repeat(md5($1::text || n), 1 + n % 4),
      timestamptz '2026-01-01 00:00+00' + n * interval '1 second'
    from generate_series($2::int, $3::int) as n
    returning id
  )
  insert into shop.order_lines (order_id, line_no, sku, quantity, unit_price)
  select made.id, line, 'sku-' || (made.id * 7 + line) % 5000, 1 + line, 4.99 * line
  from made cross join generate_series(1, 2) as line`;

async function sizeOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c
     where c.relnamespace = 'shop'::regnamespace and c.relkind = 'r'`,
  );
  return Number(rows[0]?.bytes ?? 0);
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, statement_timeout: 600_000, application_name: "shop seed" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
