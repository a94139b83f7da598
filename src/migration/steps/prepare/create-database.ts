import { createDatabaseLike, dropDatabase } from "../../../postgres/databases.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** The database on the target: same name, owner, encoding and collation as the source's. */
export const createDatabase: Step = {
  name: "create-database",
  deadlineMs: 120_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const sourceUrl = await world.databases.sourceUrl();
    const { database, user } = parseDatabaseUrl(sourceUrl);
    await using source = openControl(sourceUrl, "prepare");
    await using target = openControl(await world.databases.targetUrl("master", "postgres"), "prepare");
    await context.assertLease();
    await createDatabaseLike({ from: source, to: target, database, owner: user });
    return { database };
  },
  undo: async (world) => {
    const { database } = parseDatabaseUrl(await world.databases.sourceUrl());
    await using target = openControl(await world.databases.targetUrl("master", "postgres"), "prepare");
    await dropDatabase(target, database);
  },
};
