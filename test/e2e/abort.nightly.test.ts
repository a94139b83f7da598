import { expect, test } from "vitest";
import { endRun } from "../../src/sandbox/run/ending.ts";
import { openJournalView } from "../../src/sandbox/run/journal-view.ts";
import { goThrough, stopAt, stoppingPoints } from "./abort-play.ts";
import { migrationNow, openAbortStage, openWindow, startMigration, until } from "./abort-stage.ts";
import { faultsOf, reportSchema } from "./report.ts";

test("both windows fall back from every step before their point of no return, and the migration still ends well", async () => {
  await using at = await openAbortStage();
  await startMigration(at);
  for (const window of ["window-1", "window-2"] as const) {
    for (const point of stoppingPoints(window)) await stopAt(at, window, point);
    await stopAt(at, window, window === "window-1" ? "ran:fence-source" : "ran:disable-forward", "deadline");
    await goThrough(at, window);
  }
  await openWindow(at, "retire");
  await until("the migration to be completed", async () => (await migrationNow(at))?.state === "completed");
  await using view = openJournalView(at.stage.world.journal.adminUrl);
  const ending = await endRun(at.stage.world, view, at.signal);
  const report = reportSchema.parse(JSON.parse(ending.json));
  expect(faultsOf(report)).toEqual([]);
  expect(ending.ok, ending.text).toBe(true);
  expect(report.writes.missing).toBe(0);
  // every try is an entry
  expect(report.windows).toHaveLength(stoppingPoints("window-1").length + stoppingPoints("window-2").length + 4);
});
