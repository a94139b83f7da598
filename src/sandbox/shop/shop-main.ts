import { fstatSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { openShopStore, type ShopStore } from "./shop-store.ts";
import { runWeb } from "./shop-web.ts";

/** One dyno of the shop: `shop-main.ts web | worker | scheduler | release`. Reads DATABASE_URL as any Heroku app does. */
const [role = "web"] = process.argv.slice(2);
const stopping = new AbortController();
process.on("SIGTERM", () => stopping.abort());
exitWithParent();

const store = openShopStore({
  databaseUrl: need("DATABASE_URL"),
  ledger: need("SHOP_LEDGER"),
  dyno: process.env["DYNO"] ?? role,
});
try {
  await run(role, store);
  // What is in flight has ended by now; an idle connection that does not close must not use up the grace.
  await Promise.race([store[Symbol.asyncDispose](), delay(2_000)]);
  process.exit(0);
} catch (thrown) {
  console.log(`${role} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  process.exit(1);
}

async function run(kind: string, orders: ShopStore): Promise<void> {
  if (kind === "web") return runWeb(orders, Number(need("PORT")), stopping.signal);
  if (kind === "worker") return work(orders, Number(process.env["SHOP_WRITES_PER_SECOND"] ?? 20));
  if (kind === "scheduler") return batch(orders);
  if (kind === "release") return check(orders);
  throw new Error(`unknown process type ${kind}`);
}

/** Writes all the time: six inserts, three updates and a delete of every ten. */
async function work(orders: ShopStore, writesPerSecond: number): Promise<void> {
  const pattern = [
    "insert",
    "update",
    "insert",
    "insert",
    "update",
    "insert",
    "delete",
    "insert",
    "update",
    "insert",
  ] as const;
  for (let n = 0; !stopping.signal.aborted; n++) {
    const began = performance.now();
    await orders[pattern[n % pattern.length] ?? "insert"]();
    const rest = 1_000 / writesPerSecond - (performance.now() - began);
    await delay(Math.max(1, rest), undefined, { signal: stopping.signal }).catch(() => undefined);
  }
}

async function batch(orders: ShopStore): Promise<void> {
  for (let n = 0; n < 5 && !stopping.signal.aborted; n++) await orders.update();
}

/** The release phase: the new database answers and has our tables. */
async function check(orders: ShopStore): Promise<void> {
  await orders.ping();
  const latest = await orders.list();
  console.log(`release check: ${orders.database} answers, ${latest.length} latest orders`);
}

function need(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== "") return value;
  console.log(`${name} is not set`);
  return process.exit(1);
}

/** Standard input is a pipe from whoever started us; when that process is gone, so are we. */
function exitWithParent(): void {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket()) return;
  process.stdin.on("end", () => process.exit(1)).on("error", () => process.exit(1));
  process.stdin.resume();
}
