import { readSequences, setSequences } from "../../../postgres/sequences.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/** Sequences by value, from the fenced bridge: not by MAX, which misses gaps, unowned and descending ones. */
export const setTargetSequences: Step = {
  name: "set-sequences",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "sequences");
    await using target = openControl(await world.databases.targetUrl("master"), "sequences");
    const values = await readSequences(bridge);
    await context.assertLease();
    return { set: await setSequences(target, values) };
  },
  undo: "irreversible",
};
