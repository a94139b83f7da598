import { setGoal } from "../../../journal/agent-goals.ts";
import type { AgentParams } from "../../../journal/agent-rows.ts";
import { bridgeLogins, standbySettings } from "../../../postgres/bridge-facts.ts";
import { databaseIdentity } from "../../../postgres/catalog.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";
import { aimBridge, rememberGoal, watchBridge } from "./bridge-goal.ts";

/**
 * Gives the agent the goal `standby` and watches it restore, start and reach consistency. The work lives on the bridge;
 * a restarted worker finds the goal set and goes on watching.
 */
export const restoreStandby: Step = {
  name: "restore-standby",
  deadlineMs: 172_800_000,
  remember: rememberGoal,
  observe: async () => undefined,
  run: async (world, context) => {
    const params = await standbyParams(world);
    const epoch = await aimBridge(world, context, { goal: "standby", params });
    const state = await watchBridge(world, context, {
      epoch,
      deadlineMs: 172_800_000,
      everyMs: 1000,
      patience: 20,
      what: "the bridge to follow as a standby",
      accept: (now) => now.state === "following",
    });
    return { backup: state.facts.backup ?? "", bytes: state.facts.bytesTotal ?? 0, epoch: String(epoch) };
  },
  undo: async (world) => {
    await setGoal(world.journal.db, world.migrationId, "wiped", {});
  },
};

async function standbyParams(world: World): Promise<AgentParams> {
  const sourceUrl = await world.databases.sourceUrl();
  const { user, database } = parseDatabaseUrl(sourceUrl);
  await using source = openControl(sourceUrl, "restore");
  const { systemIdentifier, timeline } = await databaseIdentity(source);
  return {
    backup: world.config.archive.backup,
    systemIdentifier,
    timeline,
    database,
    sourceSettings: await standbySettings(source),
    logins: await bridgeLogins(source, user),
  };
}
