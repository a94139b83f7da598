import { expect, test } from "vitest";
import { herokuApp } from "../../src/sandbox/run/config-file.ts";
import { seededChance } from "../../src/sandbox/s3/faults.ts";
import { checkLedgerWhileWriting } from "../../src/sandbox/shop/ledger.ts";
import { goThrough, type Stoppable, stopAt, stoppingPoints } from "./abort-play.ts";
import { openAbortStage, startMigration } from "./abort-stage.ts";

const seed = Number(process.env["DRAWBRIDGE_ABORT_SEED"] ?? Date.now() % 1_000_000);

test(`windows stopped at steps of their own choosing are put back, then go forward (DRAWBRIDGE_ABORT_SEED=${seed})`, async () => {
  const chance = seededChance(seed);
  await using at = await openAbortStage();
  await startMigration(at);
  for (const window of ["window-1", "window-2"] as const) {
    for (const point of sample(window, chance)) await stopAt(at, window, point);
    await goThrough(at, window);
  }
  const url = at.stage.world.heroku.state().apps.find(({ name }) => name === herokuApp)?.config["DATABASE_URL"] ?? "";
  const ledger = await checkLedgerWhileWriting(at.stage.world.ledgerFile, url);
  expect(ledger.missing, JSON.stringify(ledger.missingExamples)).toBe(0);
  expect(ledger.acknowledged).toBeGreaterThan(50);
});

/** One step before the marker and one after it, by the seed. */
function sample(window: Stoppable, chance: () => number): readonly string[] {
  const points = stoppingPoints(window);
  const middle = points.findIndex((point) => point.startsWith("ran:mark-"));
  const pick = (among: readonly string[]): string => among[Math.floor(chance() * among.length)] ?? "";
  return [pick(points.slice(0, middle)), pick(points.slice(middle))];
}
