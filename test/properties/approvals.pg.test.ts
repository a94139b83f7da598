import { expect, test } from "vitest";
import { startCluster } from "../support/cluster.ts";
import { runSequences } from "./run-sequences.ts";

// DRAWBRIDGE_SEQUENCES: how many; DRAWBRIDGE_SEED and DRAWBRIDGE_PATH: the ones that a failure printed
const count = Number(process.env["DRAWBRIDGE_SEQUENCES"] ?? 500);
const seed = Number(process.env["DRAWBRIDGE_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));
const path = process.env["DRAWBRIDGE_PATH"];

test("whatever happens, nothing gated runs unless two people stand by it this moment, and nobody has stopped it", async () => {
  await using cluster = await startCluster();
  const tally = await runSequences(cluster, { count, seed, ...(path === undefined ? {} : { path }) });
  console.info(
    `seed ${seed}, ${count} sequences:`,
    Object.fromEntries([...tally].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  );
  if (path !== undefined) return;
  // without windows that open, go back and are refused the promise would be an empty one
  for (const what of ["go opened a window", "go was refused", "work put-back", "work done"])
    expect(tally.get(what) ?? 0, `${what}, seed ${seed}`).toBeGreaterThan(count / 100);
}, 3_600_000);
