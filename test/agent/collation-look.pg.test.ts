import { afterAll, beforeAll, expect, test } from "vitest";
import { differingCollations } from "../../src/agent/collation-look.ts";
import type { Queryable } from "../../src/postgres/connect.ts";
import { openSession } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Looks as if the server was of another version: what is asked then works on this one too. */
async function look(major?: number): Promise<unknown> {
  await using session = await openSession(new Secret(cluster.url()), { applicationName: "drawbridge-test" });
  const asked: Queryable = {
    query: async <Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]> => {
      const rows = await session.query<Row>(sql, values);
      return major !== undefined && sql.includes("server_version_num") ? rows.map((row) => ({ ...row, major })) : rows;
    },
  };
  return await differingCollations(asked);
}

test("a database whose libraries are those that it was made with differs in nothing, from 14 on", async () => {
  expect(await look()).toEqual([]);
  expect(await look(14)).toEqual([]);
});

test("before 15 the database's own locale is known by its named collation, however `locale -a` spells it", async () => {
  const [named] = await cluster.query<{ name: string }>(`
    update pg_collation set collversion = '2.28'
     where lower(replace(collcollate, '-', '')) = 'c.utf8' and collprovider = 'c' returning collname as name`);
  expect(named).toBeDefined();
  expect(await look(14)).toEqual([{ what: "database postgres", recorded: "2.28", actual: "none" }]);
});
