import { expect, test } from "vitest";
import { startCluster } from "../support/cluster.ts";
import { runSequences } from "./run-sequences.ts";

const count = Number(process.env["DRAWBRIDGE_SEQUENCES"] ?? 10_000);
const seed = Number(process.env["DRAWBRIDGE_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));
/** A journal of its own for so many, as none would hold ten thousand migrations. */
const perJournal = 1_000;

test("ten thousand sequences keep every promise", async () => {
  await using cluster = await startCluster();
  let opened = 0;
  for (let done = 0; done < count; done += perJournal) {
    const tally = await runSequences(cluster, { count: Math.min(perJournal, count - done), seed: seed + done });
    opened += tally.get("go opened a window") ?? 0;
    console.info(`${Math.min(count, done + perJournal)} sequences from seed ${seed}, ${opened} windows opened`);
  }
  expect(opened).toBeGreaterThan(count / 10);
});
