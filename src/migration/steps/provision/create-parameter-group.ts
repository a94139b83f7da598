import type { Step } from "../../step.ts";

/** What logical replication needs on the target; static, so the group has to exist before the instance does. */
const parameters = {
  "rds.logical_replication": "1",
  max_logical_replication_workers: "16",
  max_worker_processes: "32",
  max_replication_slots: "20",
  max_wal_senders: "20",
  max_sync_workers_per_subscription: "4",
} as const;

/** The target's parameter group, made first because static parameters count only from the instance's start. */
export const createParameterGroup: Step = {
  name: "create-parameter-group",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    const name = `drawbridge-${world.migrationId}`;
    const major = world.config.aws.target.engineVersion.split(".")[0] ?? "17";
    await world.rds.ensureParameterGroup({
      name,
      family: `postgres${major}`,
      parameters,
      migration: world.migrationId,
    });
    return { name };
  },
  undo: "irreversible",
};
