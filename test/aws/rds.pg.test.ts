import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awsCode } from "../../src/aws/aws-errors.ts";
import { openCloudWatch } from "../../src/aws/cloudwatch.ts";
import { listTagged } from "../../src/aws/inventory.ts";
import type { DatabaseSpec } from "../../src/aws/rds.ts";
import { waitFor } from "../../src/clock.ts";
import { openDatabase } from "../../src/postgres/connect.ts";
import { Secret } from "../../src/redact.ts";
import { type AwsWorld, startAwsWorld } from "../sandbox/aws/aws-world.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let world: AwsWorld;
let publisher: TestCluster;
beforeAll(async () => {
  world = await startAwsWorld();
  const hba = "local all all trust\nhost all postgres all trust\nhost all repl all scram-sha-256";
  publisher = await startCluster({ settings: { wal_level: "logical" }, hba });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await publisher[Symbol.asyncDispose]();
});

const quick = { deadlineMs: 20_000, everyMs: 50 };
const password = new Secret("a-Derived_password");

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

function spec(identifier: string, more: Partial<DatabaseSpec> = {}): DatabaseSpec {
  return {
    identifier,
    migration: "m1",
    instanceClass: "db.m7g.xlarge",
    engineVersion: "17",
    storageGb: 400,
    parameterGroup: "drawbridge-m1",
    masterUser: "drawbridge",
    masterPassword: password,
    securityGroupIds: [],
    databaseName: "app",
    publiclyAccessible: true,
    ...more,
  };
}

const many = Object.fromEntries(
  ["work_mem", "lock_timeout", "min_wal_size", "autovacuum_naptime"].map((name) => [name, "65536"]),
);

describe("RDS", () => {
  it("keeps a parameter group, over more than one call, and refuses unknown parameters", async () => {
    const parameters = {
      "rds.logical_replication": "1",
      max_replication_slots: "25",
      max_sync_workers_per_subscription: "4",
    };
    const group = { name: "drawbridge-m1", migration: "m1", family: "postgres17", parameters };
    await world.rds.ensureParameterGroup(group);
    await world.rds.ensureParameterGroup(group);
    expect(await world.rds.readParameterGroup("drawbridge-m1")).toEqual(parameters);
    expect(await failure(world.rds.ensureParameterGroup({ ...group, migration: "m2" }))).toMatchObject({
      code: "DB_AWS",
    });
    const odd = world.rds.ensureParameterGroup({ ...group, parameters: { ...many, no_such: "1" } });
    expect(awsCode(await failure(odd))).toBe("InvalidParameterValue");
  });

  it("makes a database whose answer was lost, once, and adopts it only with the migration's tag", async () => {
    world.server.setFault("lostResponse", { action: "CreateDBInstance", times: 1 });
    const made = await world.rds.createDatabase(spec("target-1"));
    expect(made).toMatchObject({ identifier: "target-1", status: "creating" });
    const foreign = await failure(world.rds.createDatabase(spec("target-1", { migration: "m2" })));
    expect(foreign).toMatchObject({ code: "DB_AWS", outcome: "terminal" });
    const ready = await world.rds.waitAvailable("target-1", quick);
    expect(ready).toMatchObject({ status: "available", endpoint: { host: "127.0.0.1" } });
    expect((await world.rds.findByTag("m1")).map(({ identifier }) => identifier)).toEqual(["target-1"]);
  });

  it("is a PostgreSQL 17 whose master subscribes without being a superuser", async () => {
    const { endpoint } = await world.rds.waitAvailable("target-1", quick);
    const url = new Secret(`postgres://drawbridge:${password.reveal()}@${endpoint?.host}:${endpoint?.port}/app`);
    await using target = openDatabase(url, { applicationName: "test" });
    const [facts] = await target.query(
      `select current_setting('wal_level') as wal, current_setting('max_replication_slots') as slots, rolsuper, rolcreaterole, rolcreatedb
         from pg_roles where rolname = current_user`,
    );
    expect(facts).toEqual({ wal: "logical", slots: "25", rolsuper: false, rolcreaterole: true, rolcreatedb: true });
    await publisher.query("create table t (id int primary key); insert into t select generate_series(1, 100)");
    await publisher.query(
      "create role repl login replication superuser password 'x'; create publication p for table t",
    );
    await target.query("create table t (id int primary key)");
    const subscribe = (secret: string) => {
      const conninfo = `host=127.0.0.1 port=${publisher.port} user=repl ${secret} dbname=postgres`;
      return target.query(`create subscription s connection '${conninfo}' publication p`);
    };
    await expect(subscribe("")).rejects.toThrow(/password is required/);
    await subscribe("password=x");
    const copied = async (): Promise<boolean> =>
      (await target.query<{ n: number }>("select count(*)::int as n from t"))[0]?.n === 100;
    await waitFor(copied, { ...quick, what: "the copy" });
    await target.query("drop subscription s");
    await expect(target.query("alter system set work_mem = '1GB'")).rejects.toThrow(/permission denied/);
    await target.query("create role reverse login replication password 'y'");
  });

  it("measures the cluster", async () => {
    const cloudwatch = openCloudWatch(world.access);
    const names = ["CPUUtilization", "FreeStorageSpace", "DatabaseConnections", "NoSuchMetric"];
    const read = async () => {
      const dimension = { name: "DBInstanceIdentifier", value: "target-1" };
      const since = new Date(Date.now() - 600_000);
      const series = await cloudwatch.metrics({ namespace: "AWS/RDS", dimension, names, since });
      return (series.get("CPUUtilization")?.length ?? 0) > 0 ? series : undefined;
    };
    const series = await waitFor(read, { ...quick, what: "a measurement" });
    expect(series.get("FreeStorageSpace")?.at(-1)?.value).toBeGreaterThan(1e6);
    expect(series.get("CPUUtilization")?.at(-1)?.value).toBeLessThanOrEqual(100);
    expect(series.get("NoSuchMetric")).toEqual([]);
    cloudwatch.close();
  });

  it("names the state of a database that failed, and one that its parameters keep from starting", async () => {
    world.server.setFault("creationFails", { kind: "database" });
    await world.rds.createDatabase(spec("target-2"));
    const failed = await failure(world.rds.waitAvailable("target-2", quick));
    world.server.setFault("creationFails", undefined);
    expect(failed).toMatchObject({
      code: "DB_AWS",
      outcome: "terminal",
      message: expect.stringContaining("is failed"),
    });
    await world.rds.ensureParameterGroup({
      name: "odd",
      migration: "m1",
      family: "postgres17",
      parameters: { max_connections: "many" },
    });
    await world.rds.createDatabase(spec("target-3", { parameterGroup: "odd" }));
    const odd = await failure(world.rds.waitAvailable("target-3", quick));
    expect(odd).toMatchObject({ message: expect.stringContaining("incompatible-parameters") });
  });

  it("deletes everything that it made, however often it is asked", async () => {
    const inUse = await failure(world.rds.deleteParameterGroup("drawbridge-m1"));
    expect(awsCode(inUse)).toMatch(/InvalidDBParameterGroupState/);
    for (const identifier of ["target-1", "target-2", "target-3"]) {
      await world.rds.deleteDatabase(identifier);
      await world.rds.deleteDatabase(identifier);
      await world.rds.waitDeleted(identifier, quick);
    }
    await world.rds.deleteDatabase("target-1");
    for (const name of ["drawbridge-m1", "odd", "odd"]) await world.rds.deleteParameterGroup(name);
    expect(await listTagged(world.access, "m1")).toEqual([]);
  });
});
