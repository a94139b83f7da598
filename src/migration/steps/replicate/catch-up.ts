import { randomUUID } from "node:crypto";
import { waitFor } from "../../../clock.ts";
import { watchApply } from "../../../postgres/apply-errors.ts";
import { commitMarker, seesMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import { replicationNames } from "../../names.ts";
import { demandSameSchema } from "../../schema-drift.ts";
import type { Step } from "../../step.ts";

/** Several markers in a row have to come out at the target quickly; the slowest is the forecast for window 2. */
export const catchUp: Step = {
  name: "catch-up",
  deadlineMs: 172_800_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const { settleProbes, settleLagSeconds } = world.config.policy;
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "catch-up");
    await using target = openControl(await world.databases.targetUrl("master"), "catch-up");
    const look = await watchApply(target, replicationNames(world.migrationId).forwardSubscription);
    let good: number[] = [];
    while (good.length < settleProbes) {
      const nonce = randomUUID();
      const startMs = world.clock.now().getTime();
      await commitMarker(bridge, "probe", nonce);
      await waitFor(async () => (await look(), seesMarker(target, nonce)), {
        deadlineMs: 86_400_000,
        everyMs: 20,
        signal: context.signal,
        what: "a probe marker on the target",
      });
      const tookMs = world.clock.now().getTime() - startMs;
      good = tookMs <= settleLagSeconds * 1000 ? [...good, tookMs] : [];
      await context.progress({ probes: good.length, wanted: settleProbes, lastProbeMs: tookMs });
      await world.clock.sleep(200, context.signal);
    }
    await demandSameSchema(await context.output("load-schema"), bridge, target);
    return { probesMs: good, slowestMs: Math.max(...good) };
  },
  undo: "irreversible",
};
