import { applicationRoles, copyRoles } from "../../../postgres/roles.ts";
import { derivePassword } from "../../../postgres/scram.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** The application's roles on the target, with derived passwords. */
export const createRoles: Step = {
  name: "create-roles",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using source = openControl(await world.databases.sourceUrl(), "prepare");
    await using target = openControl(await world.databases.targetUrl("master", "postgres"), "prepare");
    await context.assertLease();
    const roles = await applicationRoles(source);
    const refused = await copyRoles(target, roles, {
      password: (role) => derivePassword(world.key, world.migrationId, role, 1),
    });
    return {
      roles: roles.map(({ name }) => name),
      refused: refused.map(({ role, what, message }) => `${role}: ${what}: ${message}`),
    };
  },
  undo: "irreversible",
};
