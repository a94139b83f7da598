import { lastOutput } from "../../journal/attempts.ts";
import type { JsonObject } from "../../journal/json.ts";
import { type WindowName, windowFacts } from "../../journal/phase.ts";
import { latestSample } from "../../journal/samples.ts";
import { type WindowRun, windowRuns } from "../../journal/windows.ts";
import type { World } from "../world.ts";

/** A lag that was measured longer ago says nothing about now. */
const freshMs = 60_000;

/**
 * What approvers look at, as numbers; the bot makes sentences of it. Shown and not hashed: guards look again when the steps run.
 * Members: `forecastMs, dynos, formation, lagMs, probes, slowestMs, blockers, warnings, earlier: [{ says, ms }], putBackMs`;
 * whatever is not known is left out.
 */
export async function windowEvidence(world: World, name: WindowName, forecastMs: number): Promise<JsonObject> {
  const [formation, lag, probes, findings, tries] = await Promise.all([
    formationFacts(world),
    lagFacts(world, name),
    probeFacts(world, name),
    findingFacts(world),
    windowRuns(world.journal.db, world.migrationId),
  ]);
  return { forecastMs, ...formation, ...lag, ...probes, ...findings, ...earlierFacts(name, tries) };
}

async function formationFacts(world: World): Promise<JsonObject> {
  const processes = (await world.heroku.formation(world.config.heroku.app)).filter(({ quantity }) => quantity > 0);
  return {
    dynos: processes.reduce((sum, { quantity }) => sum + quantity, 0),
    formation: processes.map(({ type, quantity }) => `${type} ${quantity}`).join(", "),
  };
}

async function lagFacts(world: World, name: WindowName): Promise<JsonObject> {
  // the archive's heartbeat is as old as its newest segment; the probes say how long a window would wait
  if (name === "window-1") return {};
  const lag = await latestSample(world.journal.db, world.migrationId, "lag");
  const lagMs = Number(lag?.facts["lagMs"]);
  const isFresh = lag !== undefined && world.clock.now().getTime() - lag.at.getTime() < freshMs;
  return isFresh && Number.isFinite(lagMs) ? { lagMs } : {};
}

async function probeFacts(world: World, name: WindowName): Promise<JsonObject> {
  if (name === "retire") return {};
  const step = name === "window-1" ? "settle-lag" : "catch-up";
  const output = await lastOutput(world.journal.db, placeOf(world, name), step);
  const probes = output?.["probesMs"];
  const slowestMs = Number(output?.["slowestMs"]);
  return Array.isArray(probes) && Number.isFinite(slowestMs) ? { probes: probes.length, slowestMs } : {};
}

async function findingFacts(world: World): Promise<JsonObject> {
  const output = await lastOutput(world.journal.db, placeOf(world, "window-1"), "run-checks");
  return output === undefined ? {} : { blockers: output["blockers"], warnings: output["warnings"] };
}

/** `try` 0 belongs to no phase's try, so that the last success of any counts. */
function placeOf(
  world: World,
  name: WindowName,
): { migrationId: string; phase: "promote" | "cutover" | "retire"; try: number } {
  return { migrationId: world.migrationId, phase: windowFacts[name].phase, try: 0 };
}

/** How long earlier windows stopped writes, or took until they were put back. Pure. */
export function earlierFacts(name: WindowName, tries: readonly WindowRun[]): JsonObject {
  if (name === "retire") return {};
  const earlier = tries.flatMap((window) => {
    const { openedAt, endedAt, state } = window;
    if (window.name === "retire" || openedAt === undefined || endedAt === undefined) return [];
    const says = window.name.replace("-", " ");
    if (state === "put-back") return [{ says: `${says}, put back after`, ms: endedAt.getTime() - openedAt.getTime() }];
    const outageMs = outageOf(window);
    return state === "closed" && outageMs !== undefined ? [{ says, ms: outageMs }] : [];
  });
  const putBack = tries.flatMap((window) => putBackMs(window));
  return { earlier, ...(putBack.length === 0 ? {} : { putBackMs: Math.max(...putBack) }) };
}

function outageOf({ facts }: WindowRun): number | undefined {
  const [from, to] = [facts["fenceCommittedAt"], facts["firstCommitAt"]];
  if (typeof from !== "string" || typeof to !== "string") return undefined;
  return Math.max(0, Date.parse(to) - Date.parse(from));
}

/** From the fence until everything was taken back: at least as long as putting back itself took. */
function putBackMs({ state, facts, endedAt }: WindowRun): number[] {
  const from = facts["fenceCommittedAt"];
  if (state !== "put-back" || typeof from !== "string" || endedAt === undefined) return [];
  return [Math.max(0, endedAt.getTime() - Date.parse(from))];
}
