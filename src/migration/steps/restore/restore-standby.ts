import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { readAgentState, setGoal } from "../../../journal/agent-goals.ts";
import type { AgentParams } from "../../../journal/agent-rows.ts";
import { bridgeLogins, standbySettings } from "../../../postgres/bridge-facts.ts";
import { databaseIdentity } from "../../../postgres/catalog.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";

/**
 * Gives the agent the goal `standby` and watches it restore, start and reach consistency. The work lives on the bridge;
 * a restarted worker finds the goal set and goes on watching.
 */
export const restoreStandby: Step = {
  name: "restore-standby",
  deadlineMs: 172_800_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const params = await standbyParams(world);
    await context.assertLease();
    const epoch = await setGoal(world.journal.db, world.migrationId, "standby", params);
    const state = await waitFor(
      async () => {
        const now = await readAgentState(world.journal.db, world.migrationId);
        if (now === undefined || now.epoch !== epoch) return undefined;
        await context.progress({ agent: now.state, ...now.facts });
        if (now.state === "failed") throw agentError(now.facts.error);
        return now.state === "following" ? now : undefined;
      },
      { deadlineMs: 172_800_000, everyMs: 1000, signal: context.signal, what: "the bridge to follow as a standby" },
    );
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
  const { systemIdentifier } = await databaseIdentity(source);
  return {
    backup: world.config.archive.backup,
    systemIdentifier,
    database,
    sourceSettings: await standbySettings(source),
    logins: await bridgeLogins(source, user),
  };
}

/** The agent's own error as one of ours. */
export function agentError(error: { code: string; message: string; outcome: string } | undefined): DrawbridgeError {
  const outcome = error?.outcome === "terminal" || error?.outcome === "paused" ? error.outcome : "retryable";
  return new DrawbridgeError("DB_BRIDGE", `${error?.code ?? "unknown"}: ${error?.message ?? "the agent failed"}`, {
    outcome,
  });
}
