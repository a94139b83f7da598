import { randomUUID } from "node:crypto";
import { bootstrapKey } from "../../bootstrap.ts";
import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";

/** Starts the EC2 host of the bridge. The client token is journalled first, so that no crash can launch two. */
export const launchBridge: Step = {
  name: "launch-bridge",
  deadlineMs: 300_000,
  remember: async () => ({ clientToken: randomUUID() }),
  observe: async (world) => {
    const there = (await world.ec2.findByTag(world.migrationId)).find(
      ({ state }) => state === "running" || state === "pending",
    );
    return there === undefined ? undefined : { instanceId: there.id };
  },
  run: async (world, context) => {
    const group = await context.output("create-security-groups");
    await context.assertLease();
    const instance = await world.ec2.launchBridge({
      migration: world.migrationId,
      clientToken: textIn(context.memory, "clientToken"),
      imageId: world.config.aws.bridge.imageId,
      instanceType: world.config.aws.bridge.instanceType,
      instanceProfile: world.config.aws.bridge.instanceProfile,
      volumeGb: world.config.aws.bridge.volumeGb,
      securityGroupIds: [textIn(group, "id")],
      userData: userData(world),
      ...(world.config.aws.subnetId === undefined ? {} : { subnetId: world.config.aws.subnetId }),
    });
    return { instanceId: instance.id };
  },
  undo: "irreversible",
};

/** Names bucket, key and region, and nothing secret: user-data can be read by whoever may describe the instance. */
function userData(world: World): string {
  const { aws } = world.config;
  return JSON.stringify({
    drawbridge: {
      bucket: aws.bucket,
      key: bootstrapKey(world.migrationId),
      region: aws.region,
      s3Endpoint: aws.s3Endpoint,
    },
  });
}
