import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import type { StepContext } from "../../../src/migration/step.ts";
import { compareTargetSequences } from "../../../src/migration/steps/cutover/compare-sequences.ts";
import type { World } from "../../../src/migration/world.ts";
import { Secret } from "../../../src/redact.ts";
import { startCluster, type TestCluster } from "../../support/cluster.ts";
import { partOf } from "../part-of.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

test("a sequence that went on behind the fence is set anew; one that does not stop puts the window back", async () => {
  const [bridge, target] = [await cluster.createDatabase(), await cluster.createDatabase()];
  for (const database of [bridge, target]) await cluster.query("create sequence ids", database);
  const databases = {
    bridgeUrl: async () => new Secret(cluster.url(bridge)),
    targetUrl: async () => new Secret(cluster.url(target)),
  };
  const world = partOf<World>({ databases });
  const run = () => compareTargetSequences.run(world, partOf<StepContext>({ assertLease: async () => undefined }));
  expect(await run()).toEqual({ moved: [] });
  await cluster.query("select nextval('ids'), nextval('ids')", bridge);
  expect(await run()).toEqual({ moved: [expect.stringContaining("public.ids")] });
  expect(await cluster.query("select nextval('ids') as id", target)).toEqual([{ id: "3" }]);
  // gives out nothing that the bridge gave out
  await cluster.query("create sequence strange", target);
  const restless = cluster.query(
    `do $$ begin
       while clock_timestamp() < statement_timestamp() + interval '3 s' loop perform nextval('ids'); end loop;
     end $$`,
    bridge,
  );
  const moves = async (): Promise<boolean> => {
    const read = () => cluster.query("select last_value from ids", bridge);
    return JSON.stringify(await read()) !== JSON.stringify(await read());
  };
  await waitFor(moves, { deadlineMs: 2_000, everyMs: 5, what: "the sequence to move" });
  const refused = { code: "DB_SEQUENCE_MOVES", message: expect.stringContaining("public.ids") };
  await expect(run()).rejects.toMatchObject(refused);
  await restless;
  expect(await run()).toMatchObject({ moved: [expect.stringContaining("public.ids")] });
});
