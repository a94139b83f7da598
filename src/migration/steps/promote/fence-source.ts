import { noteWindow } from "../../../journal/windows.ts";
import { raiseFence } from "../../../postgres/fence.ts";
import { liftFence, testUnfence } from "../../../postgres/unfence.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import type { Step } from "../../step.ts";

/** The fence on the source: read-only default, sessions ended, every table locked by one session that we hold. */
export const fenceSource: Step = {
  name: "fence-source",
  held: true,
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    const url = await world.databases.sourceUrl();
    const { database } = parseDatabaseUrl(url);
    await testUnfence(url, database);
    const fence = await raiseFence({
      url,
      database,
      deadlineMs: 45_000,
      signal: context.signal,
    });
    context.hold("fence", fence);
    const fenceCommittedAt = fence.fencedAt.toISOString();
    if (context.window !== undefined) await noteWindow(world.journal.db, context.window.id, { fenceCommittedAt });
    return { lockedTables: fence.lockedTables, fenceCommittedAt };
  },
  undo: async (world, context) => {
    await context.held("fence")?.[Symbol.asyncDispose]();
    const url = await world.databases.sourceUrl();
    await liftFence(url, parseDatabaseUrl(url).database);
  },
};
