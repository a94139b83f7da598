import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awsCode } from "../../src/aws/aws-errors.ts";
import { type BridgeSpec, openEc2 } from "../../src/aws/ec2.ts";
import { listTagged } from "../../src/aws/inventory.ts";
import { waitFor } from "../../src/clock.ts";
import { Secret } from "../../src/redact.ts";
import { type AwsWorld, startAwsWorld } from "../sandbox/aws/aws-world.ts";

let world: AwsWorld;
beforeAll(async () => void (world = await startAwsWorld()));
afterAll(async () => world[Symbol.asyncDispose]());

const quick = { deadlineMs: 5_000, everyMs: 20 };

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function spec(migration: string, more: Partial<BridgeSpec> = {}): Promise<BridgeSpec> {
  const group = await world.ec2.ensureSecurityGroup({
    name: `drawbridge-${migration}`,
    description: "bridge",
    migration,
    ingress: [
      { fromPort: 5432, toPort: 5432, cidr: "0.0.0.0/0", description: "dynos" },
      { fromPort: 22, toPort: 22, cidr: "10.0.0.0/8" },
    ],
  });
  return {
    clientToken: `token-${migration}`,
    migration,
    imageId: "ami-0123456789abcdef0",
    instanceType: "m7i.xlarge",
    userData: `{"key":"bridge/${migration}"}`,
    instanceProfile: "drawbridge-bridge",
    volumeGb: 500,
    securityGroupIds: [group],
    ...more,
  };
}

describe("EC2", () => {
  it("makes a security group once, however often it is asked", async () => {
    const [first] = (await spec("groups")).securityGroupIds;
    expect((await spec("groups")).securityGroupIds).toEqual([first]);
    expect(await world.ec2.findSecurityGroups("groups")).toEqual([{ id: first, name: "drawbridge-groups" }]);
    const foreign = world.ec2.ensureSecurityGroup({
      name: "drawbridge-groups",
      description: "x",
      migration: "other",
      ingress: [],
    });
    expect(await failure(foreign)).toMatchObject({ code: "DB_AWS", outcome: "terminal" });
    await world.ec2.deleteSecurityGroup(first ?? "");
    await world.ec2.deleteSecurityGroup(first ?? "");
    expect(await world.ec2.findSecurityGroups("groups")).toEqual([]);
  });

  it("asks for permission without launching", async () => {
    world.ring.set("AKPOOR", { secretAccessKey: "poor", denyActions: ["RunInstances"] });
    const credentials = async () => ({ accessKeyId: "AKPOOR", secretAccessKey: new Secret("poor") });
    const poor = openEc2({ ...world.access, credentials });
    const wanted = await spec("dry");
    expect(await world.ec2.dryRun(wanted)).toEqual({ allowed: true });
    expect(await poor.dryRun(wanted)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining("not authorized"),
    });
    expect(await world.ec2.findByTag("dry")).toEqual([]);
    poor.close();
  });

  it("launches one bridge: again, with a lost answer, and with changed parameters under the same token", async () => {
    const wanted = await spec("once");
    world.server.setFault("lostResponse", { action: "RunInstances", times: 1 });
    const first = await world.ec2.launchBridge(wanted);
    const again = await world.ec2.launchBridge({ ...wanted, clientToken: "another" });
    expect(again.id).toBe(first.id);
    const running = await world.ec2.waitRunning(first.id, quick);
    expect(running).toMatchObject({
      state: "running",
      privateIp: "127.0.0.1",
      tags: { "drawbridge:migration": "once" },
    });
    expect(await world.ec2.findByTag("once")).toHaveLength(1);
    const mismatch = await failure(world.ec2.launchBridge(await spec("twice", { clientToken: wanted.clientToken })));
    expect(awsCode(mismatch)).toBe("IdempotentParameterMismatch");
  });

  it("says that there is no capacity, and that it may come", async () => {
    world.server.setFault("noCapacity", { times: 9 });
    const refused = await failure(world.ec2.launchBridge(await spec("full")));
    world.server.setFault("noCapacity", undefined);
    expect(refused).toMatchObject({
      code: "DB_AWS",
      outcome: "retryable",
      message: expect.stringContaining("InsufficientInstanceCapacity"),
    });
  });

  it("names an instance that ended instead of starting", async () => {
    world.server.setFault("creationFails", { kind: "instance" });
    const { id } = await world.ec2.launchBridge(await spec("dead"));
    const refused = await failure(world.ec2.waitRunning(id, quick));
    world.server.setFault("creationFails", undefined);
    expect(refused).toMatchObject({
      code: "DB_AWS",
      outcome: "terminal",
      message: expect.stringContaining("Internal error on launch"),
    });
  });

  it("is a directory and a process that is started again when it dies, until it is terminated", async () => {
    const { id } = await world.ec2.launchBridge(await spec("life"));
    await world.ec2.waitRunning(id, quick);
    const mine = () => world.boots.filter(({ instanceId }) => instanceId === id);
    await waitFor(() => mine().length === 1, { ...quick, what: "the first start" });
    const { directory, userData } = mine()[0] ?? { directory: "", userData: "" };
    expect(existsSync(directory)).toBe(true);
    expect(userData).toBe(`{"key":"bridge/life"}`);
    world.processes.at(-1)?.kill("SIGKILL");
    await waitFor(() => mine().length === 2, { ...quick, what: "the second start" });
    await world.ec2.terminate(id);
    await world.ec2.waitGone(id, quick);
    expect(existsSync(directory)).toBe(false);
    expect(world.server.state().instances.find((instance) => instance.id === id)?.state).toBe("terminated");
    await world.ec2.terminate("i-00000000000000000");
    expect(await world.ec2.describeInstance("i-00000000000000000")).toBeUndefined();
  });

  it("lists everything that carries the migration's tag, with its state", async () => {
    const objects = await listTagged(world.access, "once");
    expect(objects.map(({ kind, state }) => `${kind} ${state}`).toSorted()).toEqual([
      "instance running",
      "security-group present",
      "volume in-use",
    ]);
  });

  it("passes on AWS's own words for refused keys and throttling", async () => {
    const wrong = openEc2({
      ...world.access,
      credentials: async () => ({ accessKeyId: "AKWORKER", secretAccessKey: new Secret("no") }),
    });
    expect(await failure(wrong.findByTag("x"))).toMatchObject({ code: "DB_AWS", outcome: "paused" });
    wrong.close();
    world.server.setFault("throttling", { times: 2 });
    expect(await world.ec2.findByTag("nothing")).toEqual([]);
  });
});
