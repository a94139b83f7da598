import type { Step } from "../../step.ts";

/** One group for both hosts; only the networks that the configuration lists reach PostgreSQL's port. */
export const createSecurityGroups: Step = {
  name: "create-security-groups",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    const id = await world.ec2.ensureSecurityGroup({
      name: `drawbridge-${world.migrationId}`,
      description: `Drawbridge ${world.migrationId}: PostgreSQL of bridge and target`,
      migration: world.migrationId,
      ingress: world.config.aws.bridge.ingressCidrs.map((cidr) => ({ fromPort: 5432, toPort: 5432, cidr })),
    });
    return { id };
  },
  undo: "irreversible",
};
