import { afterAll, beforeAll, expect, test } from "vitest";
import { explain } from "../../src/errors.ts";
import { openDatabase } from "../../src/postgres/connect.ts";
import { derivePassword, scramVerifier } from "../../src/postgres/scram.ts";
import { createSubscription } from "../../src/postgres/subscriptions.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({
    hba: "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256",
  });
});
afterAll(() => cluster[Symbol.asyncDispose]());

const key = new Secret("0123456789abcdef0123456789abcdef");

test("a password is the same each time and differs by migration, role and version", () => {
  const reveal = (...of: [string, string, number]) => derivePassword(key, ...of).reveal();
  expect(reveal("m1", "app", 1)).toBe(reveal("m1", "app", 1));
  expect(
    new Set([reveal("m1", "app", 1), reveal("m2", "app", 1), reveal("m1", "web", 1), reveal("m1", "app", 2)]).size,
  ).toBe(4);
  expect(reveal("m1", "app", 1)).toMatch(/^[\w-]{43}$/);
});

test("the server takes our verifier and lets the password in, and no other", async () => {
  const password = derivePassword(key, "m1", "app", 1);
  await cluster.query(`create role app login password '${scramVerifier(password)}'`);
  await using db = openDatabase(new Secret(cluster.url("postgres", "app", password.reveal())), {
    applicationName: "drawbridge-test",
  });
  expect(await db.query("select current_user as who")).toEqual([{ who: "app" }]);
  await using wrong = openDatabase(new Secret(cluster.url("postgres", "app", "guess")), {
    applicationName: "drawbridge-test",
  });
  await expect(wrong.query("select 1")).rejects.toMatchObject({ code: "DB_CONNECTION" });
});

test("no password reaches the error of a subscription that cannot connect", async () => {
  await using db = openDatabase(new Secret(cluster.url()), { applicationName: "drawbridge-test" });
  const publisher = new Secret(cluster.url("postgres", "nobody", "not-the-password"));
  const creating = createSubscription(db, {
    name: "wrong",
    publication: "p",
    publisher,
    createSlot: true,
    copyData: false,
    enabled: true,
  });
  const error = await creating.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "DB_CONNECTION" });
  const said = error instanceof Error ? `${explain(error)} ${error.stack} ${JSON.stringify(error.cause)}` : "";
  expect(said).toContain("password authentication failed");
  expect(said).not.toContain("not-the-password");
});
