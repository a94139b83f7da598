import { expect } from "vitest";
import { windowFacts } from "../../src/journal/phase.ts";
import { plan } from "../../src/migration/plan.ts";
import { herokuApp } from "../../src/sandbox/run/config-file.ts";
import { expectPutBack, lookBefore } from "./abort-checks.ts";
import {
  type AbortStage,
  awaitWaiting,
  greg,
  lastWindow,
  migrationNow,
  openWindow,
  timesHeld,
  until,
} from "./abort-stage.ts";

export type Stoppable = "window-1" | "window-2";

/** Where to stop a window: after the effect of each step before the point of no return, and right before that point. */
export function stoppingPoints(window: Stoppable): readonly string[] {
  const steps = plan[windowFacts[window].phase];
  const last = steps.findIndex(({ noReturn }) => noReturn === true);
  return [...steps.slice(0, last).map(({ name }) => `ran:${name}`), `started:${steps[last]?.name ?? ""}`];
}

/** Opens the window, stops it at the point by command or by letting its deadline pass, and looks that all is as before. */
export async function stopAt(
  at: AbortStage,
  window: Stoppable,
  point: string,
  by: "command" | "deadline" = "command",
): Promise<void> {
  const { phase } = windowFacts[window];
  await awaitWaiting(at, phase);
  const before = await lookBefore(at);
  const seen = timesHeld(at, point);
  at.holdAt(point);
  await openWindow(at, phase);
  await until(`${window} to come to ${point}`, async () => {
    const now = await lastWindow(at);
    if (now?.state !== "open") throw new Error(`${window} ended before ${point}: ${now?.outcome ?? now?.state ?? "?"}`);
    return timesHeld(at, point) > seen;
  });
  if (by === "command") expect(await greg(at, "/migrate abort")).toMatch(/being put back/);
  else await until(`${window}'s deadline`, () => deadlinePassed(at));
  at.holdAt(undefined);
  await expectPutBack(at, `${window} at ${point}`, before, by === "command" ? "DB_ABORTED" : "DB_WINDOW_DEADLINE");
}

async function deadlinePassed(at: AbortStage): Promise<boolean> {
  const rows = await at.journal.query(
    "select id from journal.window_run where state = 'open' and deadline_at < clock_timestamp() - interval '1 second'",
  );
  return rows.length > 0;
}

/**
 * Opens the window and lets it pass its point of no return. There an abort is refused, and a release phase that fails is
 * no reason to go back: it is made again, and the window goes forward.
 */
export async function goThrough(at: AbortStage, window: Stoppable): Promise<void> {
  const { phase } = windowFacts[window];
  const point = "recorded:point-of-no-return";
  const seen = timesHeld(at, point);
  at.holdAt(point);
  await openWindow(at, phase);
  await until(`${window} to pass its point of no return`, async () => timesHeld(at, point) > seen);
  expect(await greg(at, "/migrate abort")).toMatch(/past its point of no return/);
  at.stage.world.heroku.setFault("release-phase-fails", { times: 1 });
  at.holdAt(undefined);
  await until(`${window} to go forward`, async () => {
    const now = await lastWindow(at);
    if (now?.state === "put-back") throw new Error(`${window} was put back past its point of no return`);
    return now?.name === window && now.state === "closed";
  });
  expect(await migrationNow(at)).toMatchObject({ state: "active", intent: "run" });
  const app = at.stage.world.heroku.state().apps.find(({ name }) => name === herokuApp);
  expect(app).toMatchObject({ maintenance: false, formation: { web: 2, worker: 1 }, databaseUrlOwner: "config" });
  expect(await at.heroku.preboot(herokuApp)).toBe(true);
  expect(app?.releases.some(({ status }) => status === "failed")).toBe(true);
}
