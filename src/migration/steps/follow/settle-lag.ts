import { randomUUID } from "node:crypto";
import { waitFor } from "../../../clock.ts";
import { DrawbridgeError } from "../../../errors.ts";
import { commitMarker, padWal, seesMarker } from "../../../postgres/marker.ts";
import { openControl } from "../../databases.ts";
import { demandPromotable } from "../../standby-guard.ts";
import type { Step, StepContext } from "../../step.ts";
import type { World } from "../../world.ts";

/**
 * Waits until the bridge is caught up and stable. Lag is not computed, it is tried: a marker is committed on the source,
 * its WAL segment is filled up so that it is archived at once, and the time until the bridge shows it is measured.
 * Several such probes in a row have to be quick; their slowest is the forecast for the window. In the end, and
 * where one does not arrive, it looks whether the bridge could take over at all.
 */
export const settleLag: Step = {
  name: "settle-lag",
  deadlineMs: 172_800_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const { settleProbes, settleLagSeconds, followDeadlineSeconds } = world.config.policy;
    const end = world.clock.now().getTime() + followDeadlineSeconds * 1000;
    let good: number[] = [];
    while (good.length < settleProbes) {
      if (world.clock.now().getTime() > end) throw neverSettled(followDeadlineSeconds, settleLagSeconds);
      const tookMs = await probe(world, context, settleLagSeconds * 6000);
      good = tookMs !== undefined && tookMs <= settleLagSeconds * 1000 ? [...good, tookMs] : [];
      // a probe that does not arrive has a reason; and a quick way helps nobody who must not take it
      if (tookMs === undefined || good.length === settleProbes) await demandPromotable(world);
      await context.progress({ probes: good.length, wanted: settleProbes, lastProbeMs: tookMs });
      await world.clock.sleep(500, context.signal);
    }
    return { probesMs: good, slowestMs: Math.max(...good) };
  },
  undo: "irreversible",
};

function neverSettled(deadlineSeconds: number, lagSeconds: number): DrawbridgeError {
  return new DrawbridgeError(
    "DB_WAIT_TIMEOUT",
    `for ${deadlineSeconds} s the bridge never showed ${lagSeconds} s or less of lag several times in a row; ` +
      "look at the archive's newest segment and at the bridge's disk, then `/migrate retry`",
    { outcome: "paused" },
  );
}

/** Milliseconds from the marker's commit until the bridge shows it; `undefined` when it does not within `limitMs`. */
async function probe(world: World, context: StepContext, limitMs: number): Promise<number | undefined> {
  await using source = openControl(await world.databases.sourceUrl(), "follow");
  await using bridge = openControl(await world.databases.bridgeUrl("owner"), "follow");
  const nonce = randomUUID();
  await context.assertLease();
  const startMs = world.clock.now().getTime();
  const lsn = await commitMarker(source, "probe", nonce);
  await padWal(source, lsn);
  try {
    await waitFor(() => seesMarker(bridge, nonce), {
      deadlineMs: limitMs,
      everyMs: 50,
      signal: context.signal,
      what: "a probe marker on the bridge",
    });
  } catch (thrown) {
    context.signal.throwIfAborted();
    if (thrown instanceof DrawbridgeError && thrown.code === "DB_WAIT_TIMEOUT") return undefined;
    throw thrown;
  }
  return world.clock.now().getTime() - startMs;
}
