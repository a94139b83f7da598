import { DrawbridgeError } from "../../../errors.ts";
import { qualified } from "../../../postgres/identifier.ts";
import { compareSequences, readSequences, setSequences } from "../../../postgres/sequences.ts";
import { openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";

/**
 * Looks once more, right before the point of no return: the fence keeps rows out, but `nextval` in a transaction that asked to
 * write still moves a sequence. One that went on is set anew; one that goes on meanwhile would hand out an id twice.
 */
export const compareTargetSequences: Step = {
  name: "compare-sequences",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await using bridge = openControl(await world.databases.bridgeUrl("admin"), "sequences");
    await using target = openControl(await world.databases.targetUrl("master"), "sequences");
    const look = async (): Promise<string[]> => {
      const there = await readSequences(bridge);
      const known = new Set(there.map(qualified));
      // one that only the target has gives out nothing that the bridge gave out
      const here = (await readSequences(target)).filter((value) => known.has(qualified(value)));
      const found = compareSequences(there, here);
      return found.map(({ schema, name, difference }) => `${schema}.${name} (${difference})`);
    };
    const moved = await look();
    if (moved.length > 0) {
      await context.assertLease();
      await setSequences(target, await readSequences(bridge));
      const still = await look();
      if (still.length > 0) {
        throw new DrawbridgeError("DB_SEQUENCE_MOVES", `behind the fence: ${still.slice(0, 5).join(", ")}`);
      }
    }
    return { moved };
  },
  // the target's sequences, which nobody uses yet
  undo: "irreversible",
};
