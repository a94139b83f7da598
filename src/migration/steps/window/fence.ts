import { noteWindow } from "../../../journal/windows.ts";
import { raiseFence } from "../../../postgres/fence.ts";
import { liftFence, testUnfence } from "../../../postgres/unfence.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import type { Secret } from "../../../redact.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";

/**
 * The step that stops all writes to the old primary: read-only default, client sessions ended, every table locked by one
 * session that we hold. On the bridge the walsender that feeds the target lives on.
 */
export function fenceOf(place: "source" | "bridge"): Step {
  const urlOf = ({ databases }: World): Promise<Secret> =>
    place === "source" ? databases.sourceUrl() : databases.bridgeUrl("admin");
  return {
    name: `fence-${place}`,
    held: true,
    deadlineMs: 60_000,
    observe: async () => undefined,
    run: async (world, context) => {
      await context.assertLease();
      const url = await urlOf(world);
      const { database } = parseDatabaseUrl(url);
      await testUnfence(url, database);
      const fence = await raiseFence({ url, database, deadlineMs: 45_000, signal: context.signal });
      context.hold("fence", fence);
      const fenceCommittedAt = fence.fencedAt.toISOString();
      if (context.window !== undefined) await noteWindow(world.journal.db, context.window.id, { fenceCommittedAt });
      return { lockedTables: fence.lockedTables, fenceCommittedAt };
    },
    undo: async (world, context) => {
      await context.held("fence")?.[Symbol.asyncDispose]();
      const url = await urlOf(world);
      await liftFence(url, parseDatabaseUrl(url).database);
    },
  };
}
