import { emptyDatabase } from "../../../postgres/databases.ts";
import { ensureMarkerTable } from "../../../postgres/marker.ts";
import { parseDatabaseUrl } from "../../../postgres/url.ts";
import { copySchema } from "../../copy-schema.ts";
import { openControl } from "../../databases.ts";
import { leftBehind } from "../../schema-drift.ts";
import type { Step } from "../../step.ts";

/** The bridge's schema into the target's database, which is made anew: a half-loaded one from an earlier try is not trusted. */
export const loadTargetSchema: Step = {
  name: "load-schema",
  deadlineMs: 3_600_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const bridgeUrl = await world.databases.bridgeUrl("admin");
    const { user, database } = parseDatabaseUrl(await world.databases.sourceUrl());
    await using bridge = openControl(bridgeUrl, "replicate");
    await using target = openControl(await world.databases.targetUrl("master", "postgres"), "replicate");
    await context.assertLease();
    await emptyDatabase({ from: bridge, to: target, database, owner: user });
    const into = await world.databases.targetUrl("master");
    const loaded = await copySchema(world, { from: bridgeUrl, into, signal: context.signal });
    await using asOwner = openControl(await world.databases.targetUrl("owner"), "replicate");
    await ensureMarkerTable(asOwner);
    await using loadedInto = openControl(into, "replicate");
    return { tables: loaded.tables, leftBehind: await leftBehind(bridge, loadedInto) };
  },
  undo: "irreversible",
};
