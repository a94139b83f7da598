import { expect, test } from "vitest";
import { faultStories } from "../../src/sandbox/run/fault-stories.ts";
import { startSandbox } from "../support/sandbox.ts";
import { faultsOf, reportSchema } from "./report.ts";

test.each(faultStories)("fault $name: $what", async ({ name, putBack }) => {
  await using sandbox = startSandbox(["--fault", name]);
  expect(await sandbox.ended, sandbox.output().slice(-6_000)).toBe(0);
  const report = reportSchema.parse(sandbox.report());
  expect(faultsOf(report)).toEqual([]);
  const again = report.windows.filter(({ outcome }) => outcome === "put-back").map((window) => window.name);
  if (putBack === undefined) expect(report.windows.length - again.length).toBe(2);
  else expect(again).toContain(putBack);
});
