import { setTimeout as delay } from "node:timers/promises";
import { seededChance } from "../s3/faults.ts";
import { type Driver, driver } from "./driver.ts";
import { type PlayStage, turn } from "./turn.ts";
import { postedGates, showRefusal, veto, voteOn } from "./voters.ts";

/** Windows in their order, each with its phase. */
const windows = [
  ["promote", "window-1"],
  ["cutover", "window-2"],
  ["retire", "retire"],
] as const;

/** How often one window is asked for, and `go` typed, before the script gives up. */
const mostTries = 8;

/**
 * Greg drives, two of Ann, Bob and Cyn approve, Greg's own ✅ is refused once. Resolves when the migration is completed,
 * rejects when preflight blocks it, a phase fails, or a turn does not come. Whatever is killed meanwhile, people do what they
 * would: type again, ask again.
 */
export async function playMigration(stage: PlayStage): Promise<void> {
  const chance = seededChance(stage.seed);
  const greg = driver(stage, chance);
  await greg.type("/migrate plan", "what would be done");
  await demandPreflight(stage);
  await greg.type("/migrate start", "nothing blocks");
  const shown = { refusal: false, veto: false };
  for (const [phase, window] of windows) await throughWindow(stage, { greg, chance, phase, window, shown });
  await turn(stage, "the migration to be completed", async () => (await stage.view.migration())?.state === "completed");
}

interface Passage {
  readonly greg: Driver;
  readonly chance: () => number;
  readonly phase: string;
  readonly window: string;
  /** What this run has shown already. */
  readonly shown: { refusal: boolean; veto: boolean };
}

/** Asks, votes and goes until the window's phase is done. */
async function throughWindow(stage: PlayStage, passage: Passage): Promise<void> {
  const { phase, window } = passage;
  for (let tries = 1; tries <= mostTries; tries += 1) {
    await awaitPhase(stage, phase, passage.greg);
    const windowId = await openedWindow(stage, passage);
    if (windowId === undefined) continue;
    if (await ended(stage, windowId, passage)) return;
    stage.say(`${window} was put back; writes go where they went before. Greg asks again when the bridge follows.`);
  }
  throw new Error(`${window} did not come to its end in ${mostTries} tries`);
}

async function demandPreflight(stage: PlayStage): Promise<void> {
  const verdict = await turn(stage, "preflight to end", async () => {
    const phase = await stage.view.phaseState("preflight");
    return phase !== undefined && ["done", "paused", "failed"].includes(phase.state) && phase;
  });
  if (verdict.state === "done") return;
  throw new Error(`preflight found what is in the way, before anything was touched:\n${verdict.error ?? ""}`);
}

/** Waits until the window's phase is the present one and waits for people; a paused phase before it is retried by Greg. */
async function awaitPhase(stage: PlayStage, phase: string, greg: Driver): Promise<void> {
  await turn(stage, `phase ${phase} to wait for people`, async () => {
    const now = await stage.view.migration();
    if (now === undefined) return false;
    const at = await stage.view.phaseState(now.phase);
    if (now.phase === phase) return at?.state === "waiting";
    if (at?.state === "failed")
      throw new Error(`phase ${now.phase} failed: ${at.error ?? "see the thread of the card"}`);
    if (at?.state === "paused") {
      await delay(1000, undefined, { signal: stage.signal });
      await greg.type("/migrate retry", `${now.phase} has paused itself`);
    }
    return false;
  });
}

/** Opens the window. @returns its id, `undefined` when it has to be asked for once more. */
async function openedWindow(stage: PlayStage, { greg, chance, window, shown }: Passage): Promise<number | undefined> {
  if (!(await greg.type("/migrate window", `${window}: asks two people`))) {
    await delay(1000, undefined, { signal: stage.signal });
  }
  const asked = await postedGates(stage, window);
  const first = asked.approvals.find(({ state }) => state === "PENDING" || state === "ARMED")?.ts;
  if (!shown.refusal && first !== undefined) await showRefusal(stage, first);
  shown.refusal = true;
  if (!(await voteOn(stage, asked, chance))) return undefined;
  for (let tries = 1; tries <= mostTries; tries += 1) {
    await greg.type("/migrate go", "every gate is armed");
    const now = await stage.view.window();
    if (now?.id !== asked.id) return undefined;
    // a refusal is read, not counted: the worker may have died after it opened the window
    if (now.state !== "asking") return asked.id;
    const stillArmed = (await stage.view.approvals(asked.id)).every(({ state }) => state === "ARMED");
    if (!stillArmed) return undefined;
    await delay(1000, undefined, { signal: stage.signal });
  }
  return undefined;
}

/** True when the window's phase is done, false when the window was put back. */
async function ended(stage: PlayStage, windowId: number, { phase, window, shown }: Passage): Promise<boolean> {
  const story = stage.story?.veto;
  if (story !== undefined && story.window === window && !shown.veto) {
    shown.veto = true;
    await veto(stage, windowId, story.step);
  }
  const { done } = await turn(stage, `${phase} to end`, async () => {
    const now = await stage.view.window();
    if (now?.id === windowId && (now.state === "put-back" || now.state === "cancelled")) return { done: false };
    return (await stage.view.phaseState(phase))?.state === "done" && { done: true };
  });
  return done;
}
