import { derivePassword } from "../../../postgres/scram.ts";
import { masterRole } from "../../databases.ts";
import { textIn } from "../../step-output.ts";
import type { Step } from "../../step.ts";

/** The identifier of the migration's RDS instance; it is RDS's own idempotency key. */
export function targetIdentifier(migrationId: string): string {
  return `drawbridge-${migrationId}`;
}

/** Asks RDS for the target instance. */
export const createTarget: Step = {
  name: "create-target",
  deadlineMs: 120_000,
  observe: async (world) => {
    const identifier = targetIdentifier(world.migrationId);
    const there = (await world.rds.findByTag(world.migrationId)).find((database) => database.identifier === identifier);
    return there === undefined ? undefined : { identifier };
  },
  run: async (world, context) => {
    const identifier = targetIdentifier(world.migrationId);
    const group = await context.output("create-security-groups");
    const parameters = await context.output("create-parameter-group");
    const { target, subnetGroup } = world.config.aws;
    await context.assertLease();
    await world.rds.createDatabase({
      identifier,
      migration: world.migrationId,
      instanceClass: target.instanceClass,
      engineVersion: target.engineVersion,
      storageGb: target.storageGb,
      publiclyAccessible: target.publiclyAccessible,
      parameterGroup: textIn(parameters, "name"),
      masterUser: masterRole,
      masterPassword: derivePassword(world.key, world.migrationId, masterRole, 1),
      securityGroupIds: [textIn(group, "id")],
      ...(subnetGroup === undefined ? {} : { subnetGroup }),
    });
    return { identifier };
  },
  undo: "irreversible",
};
