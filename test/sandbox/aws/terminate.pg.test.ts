import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { createCluster, type SandboxCluster } from "../../../src/sandbox/postgres/cluster.ts";
import { systemBindir } from "../../support/bindir.ts";
import { startAwsWorld } from "./aws-world.ts";

describe("terminating an instance", () => {
  it("ends the PostgreSQL that outlived the instance's process, and removes the disk", async () => {
    let cluster: SandboxCluster | undefined;
    let directory = "";
    await using world = await startAwsWorld({
      startInstance: async (boot) => {
        directory = boot.directory;
        if (cluster === undefined) {
          cluster = await createCluster({
            bindir: systemBindir(),
            directory: join(directory, "pg"),
            superuser: "postgres",
            settings: {},
          });
          await cluster.start();
        }
        // the process itself is over at once; the server stays
        return { exited: Promise.resolve(), stop: () => Promise.resolve() };
      },
    });
    const spec = {
      migration: "m",
      clientToken: "t",
      imageId: "ami-0123456789abcdef0",
      instanceType: "m7i.xlarge",
      volumeGb: 10,
    };
    const { id } = await world.ec2.launchBridge({
      ...spec,
      userData: "",
      instanceProfile: "drawbridge-bridge",
      securityGroupIds: [],
    });
    await waitFor(() => cluster?.pid(), { deadlineMs: 30_000, what: "the server" });
    await world.ec2.terminate(id);
    await world.ec2.waitGone(id, { deadlineMs: 20_000, everyMs: 50 });
    expect(cluster?.pid()).toBeUndefined();
    expect(existsSync(directory)).toBe(false);
    await cluster?.[Symbol.asyncDispose]();
  });
});
