import { createDatabaseLike, dropDatabase } from "../../../postgres/databases.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import { copySchema } from "../../copy-schema.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/**
 * Loads the source's schema into a trial database on the target and drops it again, so that what will not load is
 * known days before the night of the copy.
 */
export const loadTrialSchema: Step = {
  name: "load-trial-schema",
  deadlineMs: 1_800_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const sourceUrl = await world.databases.sourceUrl();
    const { database, user } = parseDatabaseUrl(sourceUrl);
    const trial = `${database}_trial`.slice(-63);
    await using source = openControl(sourceUrl, "prepare");
    await using target = openControl(await world.databases.targetUrl("master", "postgres"), "prepare");
    await context.assertLease();
    await dropDatabase(target, trial);
    await createDatabaseLike({ from: source, to: target, database: trial, owner: user });
    const into = await world.databases.targetUrl("master", trial);
    const loaded = await copySchema(world, { from: sourceUrl, into, signal: context.signal });
    await dropDatabase(target, trial);
    return { tables: loaded.tables };
  },
  undo: "irreversible",
};
