import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { startSandbox } from "../support/sandbox.ts";
import { makeMischief, planMischief } from "./mischief.ts";
import { faultsOf, reportSchema } from "./report.ts";

test("worker, bot and agent are killed again and again, Redis is emptied, and the migration ends well", async () => {
  const seed = Number(process.env["DRAWBRIDGE_TEST_SEED"] ?? randomInt(1_000_000));
  const plan = planMischief(seed);
  const words = plan.map(({ victim, step, afterMs }) => `${victim} ${afterMs} ms into ${step}`);
  console.info(`DRAWBRIDGE_TEST_SEED=${seed}: ${words.join(", ")}`);
  await using sandbox = startSandbox();
  const info = await sandbox.ready();
  const done = await makeMischief(sandbox, info, plan);
  const story = `seed ${seed}\n${words.join("\n")}\n${sandbox.output().slice(-6_000)}`;
  expect(await sandbox.ended, story).toBe(0);
  expect(faultsOf(reportSchema.parse(sandbox.report())), story).toEqual([]);
  expect(done, "every act of the plan has happened").toHaveLength(plan.length);
});
