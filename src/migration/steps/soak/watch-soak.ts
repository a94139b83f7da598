import { randomUUID } from "node:crypto";
import { waitFor } from "../../../clock.ts";
import type { JsonObject } from "../../../journal/json.ts";
import { addSample } from "../../../journal/samples.ts";
import { watchApply } from "../../../postgres/apply-errors.ts";
import { commitMarker, seesMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import { textIn } from "../../step-output.ts";
import type { Step, StepContext } from "../../step.ts";
import type { World } from "../../world.ts";
import { targetIdentifier } from "../provision/create-target.ts";

/** Longest pause between two looks; a soak of a minute still gets several. */
const everyMs = 5_000;

/**
 * Watches the new production until the journalled end: does the way back keep up, what do CPU, connections and storage
 * say, does the application answer. Every look is a sample.
 */
export const watchSoak: Step = {
  name: "watch-soak",
  deadlineMs: 1_300_000_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const untilMs = Date.parse(textIn(await context.output("start-soak"), "until"));
    let worstReverseLagMs = 0;
    let looks = 0;
    for (;;) {
      const look = await lookOnce(world, context);
      await addSample(world.journal.db, world.migrationId, "soak", look);
      await context.progress({ ...look, until: new Date(untilMs).toISOString() });
      worstReverseLagMs = Math.max(worstReverseLagMs, Number(look["reverseLagMs"] ?? 0));
      looks += 1;
      const leftMs = untilMs - world.clock.now().getTime();
      if (leftMs <= 0) return { looks, worstReverseLagMs };
      await world.clock.sleep(Math.min(everyMs, leftMs), context.signal);
    }
  },
  undo: "irreversible",
};

async function lookOnce(world: World, context: StepContext): Promise<JsonObject> {
  await using bridge = openControl(await world.databases.bridgeUrl("admin"), "soak");
  await using target = openControl(await world.databases.targetUrl("master"), "soak");
  const nonce = randomUUID();
  const look = await watchApply(bridge, replicationNames(world.migrationId).reverseSubscription);
  const startMs = world.clock.now().getTime();
  await commitMarker(target, "soak", nonce);
  await waitFor(async () => (await look(), seesMarker(bridge, nonce)), {
    deadlineMs: 600_000,
    everyMs: 20,
    signal: context.signal,
    what: "a marker to come back to the bridge",
  });
  const reverseLagMs = world.clock.now().getTime() - startMs;
  const rows = await target.query<{ ms: number }>(
    "select extract(milliseconds from clock_timestamp() - statement_timestamp())::float8 as ms",
  );
  const metrics = await world.cloudwatch.metrics({
    namespace: "AWS/RDS",
    dimension: { name: "DBInstanceIdentifier", value: targetIdentifier(world.migrationId) },
    names: ["CPUUtilization", "DatabaseConnections", "FreeStorageSpace"],
    since: new Date(startMs - 600_000),
  });
  const latest = [...metrics].map(([name, points]) => [name, points.at(-1)?.value] as const);
  return { reverseLagMs, queryMs: rows[0]?.ms ?? 0, metrics: Object.fromEntries(latest) };
}
