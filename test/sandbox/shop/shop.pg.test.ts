import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { openHeroku } from "../../../src/heroku/heroku.ts";
import { silentLog } from "../../../src/log.ts";
import { Secret } from "../../../src/redact.ts";
import { type RunningHeroku, startHeroku } from "../../../src/sandbox/heroku/start-heroku.ts";
import {
  acknowledged,
  checkLedger,
  firstAckByDatabase,
  outages,
  readLedger,
} from "../../../src/sandbox/shop/ledger.ts";
import { createShop, seedShop } from "../../../src/sandbox/shop/seed-shop.ts";
import { shopCommand, shopProcesses } from "../../../src/sandbox/shop/shop-app.ts";
import { startVisitors } from "../../../src/sandbox/shop/visitors.ts";
import { startCluster, type TestCluster } from "../../support/cluster.ts";

const run = promisify(execFile);
const addon = "postgresql-curved-1";
let first: TestCluster;
let second: TestCluster;
let directory: string;

beforeAll(async () => {
  [first, second] = await Promise.all([startCluster(), startCluster()]);
  directory = await mkdtemp(join(tmpdir(), "shop-"));
});
afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A fresh database of the owner role's, with the shop in it. */
async function freshShop(orders: number): Promise<{ url: string; name: string }> {
  const roles = await first.query("select 1 from pg_roles where rolname = 'owner'");
  if (roles.length === 0) await first.query("create role owner login");
  const name = await first.createDatabase({ owner: "owner" });
  const url = first.url(name, "owner");
  await createShop(url);
  if (orders > 0) await seedShop(url, { orders }, 7);
  return { url, name };
}

function startShop(url: string, ledger: string): Promise<RunningHeroku> {
  return startHeroku({
    apps: [
      {
        name: "shop",
        processes: shopProcesses({ web: 1, worker: 2 }),
        config: { SHOP_LEDGER: ledger, SHOP_WRITES_PER_SECOND: "50" },
        scheduler: { command: shopCommand("scheduler"), everyMs: 1_500 },
      },
    ],
    addons: [
      {
        name: addon,
        plan: "heroku-postgresql:standard-0",
        app: "shop",
        url,
        attachments: [{ app: "shop", name: "DATABASE" }],
      },
    ],
    tokens: ["token"],
    dynos: { logDirectory: directory },
    log: silentLog,
  });
}

describe("the shop", () => {
  test("moved by hand to another server: every acknowledged write is there, each outage and server is seen", async () => {
    const { url, name } = await freshShop(500);
    const ledgerPath = join(directory, "moved.jsonl");
    await using stand = await startShop(url, ledgerPath);
    await using visitors = startVisitors(stand.routerUrl("shop"), 20);
    const heroku = openHeroku({ apiUrl: stand.url, token: new Secret("token"), log: silentLog });
    const writes = async (from: number) => {
      const ledger = await readLedger(ledgerPath);
      return new Set(
        ledger.filter((each) => acknowledged(each) && each.at > from).map((each) => each.dyno.split(".")[0]),
      );
    };
    const allWrite = (from: number, what: string) =>
      waitFor(async () => (await writes(from)).size === 3, { deadlineMs: 30_000, what });
    await allWrite(0, "web, worker and scheduler to write");
    const { version } = await heroku.ensureSecondAttachment("shop", addon).then(() => heroku.release("shop", 2));
    expect(await heroku.waitRelease("shop", version, { deadlineMs: 20_000 })).toBe("succeeded");

    const started = performance.timeOrigin + performance.now();
    await heroku.setMaintenance("shop", true);
    const before = await heroku.formation("shop");
    await heroku.scale(
      "shop",
      before.map(({ type }) => ({ type, quantity: 0 })),
    );
    await heroku.waitDynos("shop", "writers to stop", (dynos) => dynos.every((dyno) => dyno.type === "scheduler"), {
      deadlineMs: 30_000,
    });
    // Only the database can stop the scheduler's jobs.
    await first.query(`alter database "${name}" connection limit 0`);
    await first.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and usename = 'owner'`,
    );
    const dump = join(directory, "shop.dump");
    await run(join(first.bindir, "pg_dump"), ["-Fc", "-f", dump, first.url(name)]);
    await second.query("create role owner login");
    const moved = await second.createDatabase({ owner: "owner" });
    await run(join(second.bindir, "pg_restore"), ["-d", second.url(moved), dump]);
    const target = second.url(moved, "owner");
    const release = await heroku.takeDatabaseUrl({ app: "shop", addon, url: new Secret(target) });
    expect(await heroku.waitRelease("shop", release?.id ?? "", { deadlineMs: 20_000 })).toBe("succeeded");
    await heroku.scale("shop", before);
    await heroku.setMaintenance("shop", false);
    const ended = performance.timeOrigin + performance.now();
    await allWrite(ended, "all to write again");
    await heroku.scale(
      "shop",
      before.map(({ type }) => ({ type, quantity: 0 })),
    );
    await stand.stop();

    const ledger = await readLedger(ledgerPath);
    const check = await checkLedger(ledger, target);
    expect(check).toMatchObject({ missing: 0, missingExamples: [] });
    expect(check.acknowledged).toBeGreaterThan(100);
    expect(ledger.every((each) => each.database !== `127.0.0.1:${second.port}` || each.at > started)).toBe(true);
    expect([...firstAckByDatabase(ledger).keys()]).toEqual([first, second].map(({ port }) => `127.0.0.1:${port}`));
    expect(outages(ledger, started, ended)?.outageMs).toBeGreaterThan(100);
    expect(visitors.counts().turnedAway).toBeGreaterThan(0);
    const lost = ledger.findLast((each) => each.op === "insert" && each.dyno === "web.1");
    await second.query(`delete from shop.orders where key = '${lost?.id}'`, moved);
    expect(await checkLedger(ledger, target)).toMatchObject({
      missing: 1,
      missingExamples: [expect.stringContaining(lost?.id ?? "")],
    });
  });

  test("a refused write is in the ledger as failed, is not tried again, and writing goes on by itself afterwards", async () => {
    const { url, name } = await freshShop(100);
    const ledgerPath = join(directory, "refused.jsonl");
    await using stand = await startShop(url, ledgerPath);
    const some = (accept: (op: string) => boolean, from = 0) =>
      waitFor(async () => (await readLedger(ledgerPath)).some((each) => accept(each.op) && each.at > from), {
        deadlineMs: 20_000,
        what: "lines in the ledger",
      });
    await some((op) => op === "insert");
    await first.query(`alter database "${name}" set default_transaction_read_only = on`);
    await first.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and usename = 'owner'`,
    );
    await some((op) => op === "failed");
    const response = await waitFor(
      async () => {
        const answer = await fetch(`${stand.routerUrl("shop")}/orders`, { method: "POST" });
        return answer.status === 500 ? answer : undefined;
      },
      { deadlineMs: 20_000, what: "the web dyno to refuse" },
    );
    expect(await response.json()).toMatchObject({ error: expect.stringContaining("read-only") });
    await first.query(`alter database "${name}" reset default_transaction_read_only`);
    await first.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and usename = 'owner'`,
    );
    await some((op) => op === "insert", performance.timeOrigin + performance.now());
    await stand.stop();
    const ledger = await readLedger(ledgerPath);
    const inserts = ledger.filter((each) => each.op === "insert" || each.intended === "insert").map((each) => each.id);
    expect(new Set(inserts).size).toBe(inserts.length);
    expect(await checkLedger(ledger, url)).toMatchObject({ missing: 0 });
  });

  test("the release phase fails when the database does not answer, and the dynos stay on the old one", async () => {
    const { url } = await freshShop(10);
    await using stand = await startShop(url, join(directory, "release.jsonl"));
    const heroku = openHeroku({ apiUrl: stand.url, token: new Secret("token"), log: silentLog });
    await heroku.ensureSecondAttachment("shop", addon);
    const nowhere = new Secret("postgres://owner:x@127.0.0.1:1/shop");
    const release = await heroku.takeDatabaseUrl({ app: "shop", addon, url: nowhere });
    expect(await heroku.waitRelease("shop", release?.id ?? "", { deadlineMs: 30_000 })).toBe("failed");
    const health = await waitFor(
      async () => {
        const answer = await fetch(`${stand.routerUrl("shop")}/health`);
        return answer.status === 200 ? answer : undefined;
      },
      { deadlineMs: 20_000, what: "the web dyno" },
    );
    expect(await health.json()).toEqual({ ok: true, database: `127.0.0.1:${first.port}` });
  });

  test("the same seed gives the same orders, and a size in bytes is reached", async () => {
    const one = await freshShop(3_000);
    const two = await freshShop(3_000);
    const sum =
      "select md5(string_agg(key::text || amount || status || note, ',' order by id)) as sum, count(*)::int as n from shop.orders";
    const [left, right] = await Promise.all(
      [one, two].map(({ name }) => first.query<{ sum: string; n: number }>(sum, name)),
    );
    expect(left).toEqual(right);
    expect(left?.[0]?.n).toBe(3_000);
    const { bytes } = await seedShop((await freshShop(0)).url, { bytes: 12e6 }, 3);
    expect(bytes).toBeGreaterThan(12e6);
    expect(await readFile(join(directory, "shop.web.1.log"), "utf8")).toContain("listening");
  });
});
