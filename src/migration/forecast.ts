import { lastOutput } from "../journal/attempts.ts";
import { windowFacts, type WindowName } from "../journal/phase.ts";
import { windowRuns } from "../journal/windows.ts";
import type { World } from "./world.ts";

/** Dynos take up to 30 s to stop and as long to boot; most take a few seconds. What neither probe nor rehearsal has measured yet. */
const herokuMs = 10_000;

/**
 * How long writes will be stopped, in milliseconds: what earlier tries of this window took where there were any, else the
 * slowest probe of the phase before it plus what Heroku needs.
 */
export async function forecastWindow(world: World, window: WindowName): Promise<number> {
  if (window === "retire") return 1000;
  const earlier = (await windowRuns(world.journal.db, world.migrationId))
    .filter(({ name, openedAt, endedAt }) => name === window && openedAt !== undefined && endedAt !== undefined)
    .map(({ openedAt, endedAt }) => (endedAt?.getTime() ?? 0) - (openedAt?.getTime() ?? 0));
  const step = window === "window-1" ? "settle-lag" : "catch-up";
  const from = { migrationId: world.migrationId, phase: windowFacts[window].phase, try: 0 };
  const slowest = Number((await lastOutput(world.journal.db, from, step))?.["slowestMs"] ?? 5000);
  return Math.round(Math.max(...earlier, slowest + herokuMs));
}
