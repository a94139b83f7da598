import { setTimeout as delay } from "node:timers/promises";
import { ids } from "../slack/cast.ts";
import { seededChance } from "../s3/faults.ts";
import type { FaultStory } from "./fault-stories.ts";
import type { JournalView } from "./journal-view.ts";
import type { SlackPeople } from "./slack-people.ts";

/** The script's stage: it looks at the journal to know when it is somebody's turn, and acts only through Slack. */
export interface PlayStage {
  readonly people: SlackPeople;
  readonly view: JournalView;
  readonly story: FaultStory | undefined;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const names = { [ids.ann]: "Ann", [ids.bob]: "Bob", [ids.cyn]: "Cyn" } as const;

/** Longest wait for anybody's turn; everything in the sandbox takes less. */
const turnMs = 900_000;

/**
 * Greg drives, two of Ann, Bob and Cyn approve, Greg's own ✅ is refused once. Resolves when the migration is completed,
 * rejects when it failed or a turn does not come.
 */
export async function playMigration(stage: PlayStage): Promise<void> {
  const chance = seededChance(stage.seed);
  const greg = async (text: string, why: string): Promise<void> => {
    await delay(200 + chance() * 300, undefined, { signal: stage.signal });
    stage.say(`Greg types ${text} (${why})`);
    await stage.people.hint("");
    await stage.people.command(ids.greg, text);
  };
  await greg("/migrate plan", "what would be done");
  await turn(stage, "preflight to end", async () => (await stage.view.phaseState("preflight"))?.state === "done");
  await greg("/migrate start", "nothing blocks");
  let showedRefusal = false;
  let vetoed = false;
  for (const [phase, window] of [["promote", "window-1"], ["cutover", "window-2"], ["retire", "retire"]] as const) {
    await awaitPhase(stage, phase, greg);
    for (;;) {
      await greg("/migrate window", `${window}: asks two people`);
      const windowId = await openedGates(stage, window);
      await vote(stage, windowId, chance, !showedRefusal);
      showedRefusal = true;
      await greg("/migrate go", "every gate is armed");
      const veto: { readonly step: string } | undefined = vetoed || stage.story?.veto?.window !== window ? undefined : stage.story.veto;
      vetoed ||= veto !== undefined;
      if (await ended(stage, windowId, phase, veto)) break;
      stage.say(`${window} was put back; writes go where they went before. The driver asks again when the bridge follows.`);
      await awaitPhase(stage, phase, greg);
    }
  }
  await turn(stage, "the migration to be completed", async () => (await stage.view.migration())?.state === "completed");
}

/** Waits until the window's phase is the present one and waits for people; a paused phase before it is retried by Greg. */
async function awaitPhase(
  stage: PlayStage,
  phase: string,
  greg: (text: string, why: string) => Promise<void>,
): Promise<void> {
  await turn(stage, `phase ${phase} to wait for people`, async () => {
    const now = await stage.view.migration();
    if (now === undefined) return false;
    const state = (await stage.view.phaseState(now.phase))?.state;
    if (now.phase === phase) return state === "waiting";
    if (state === "failed") throw new Error(`phase ${now.phase} failed; see the thread of the card`);
    if (state === "paused") {
      await delay(2500, undefined, { signal: stage.signal });
      await greg("/migrate retry", `${now.phase} has paused itself`);
      await delay(1500, undefined, { signal: stage.signal });
    }
    return false;
  });
}

/** The window's gates once each has its message. */
async function openedGates(stage: PlayStage, window: string): Promise<number> {
  return turn(stage, `the gates of ${window} to be posted`, async () => {
    const now = await stage.view.window();
    if (now?.name !== window || now.state !== "asking") return undefined;
    const approvals = await stage.view.approvals(now.id);
    return approvals.length > 0 && approvals.every(({ ts, state }) => ts !== undefined && state === "PENDING") ? now.id : undefined;
  });
}

/** Two of the three approvers react on every gate; the first time the requester tries too and is told why that does not count. */
async function vote(stage: PlayStage, windowId: number, chance: () => number, showRefusal: boolean): Promise<void> {
  const voters = [ids.ann, ids.bob, ids.cyn].sort(() => chance() - 0.5).slice(0, 2);
  const approvals = await stage.view.approvals(windowId);
  const first = approvals[0]?.ts;
  if (showRefusal && first !== undefined) {
    stage.say("Greg reacts ✅ to his own request, which does not count");
    await stage.people.react(ids.greg, first, "white_check_mark");
    await turn(stage, "Drawbridge to tell Greg why", async () =>
      (await stage.people.messages()).some(({ ephemeralTo, text }) => ephemeralTo === ids.greg && /not counted/i.test(text)),
    );
    await stage.people.react(ids.greg, first, "white_check_mark", false);
  }
  for (const voter of voters) {
    stage.say(`${names[voter] ?? voter} reads ${approvals.length} gate${approvals.length === 1 ? "" : "s"} and reacts ✅`);
    for (const { ts } of approvals) {
      await delay(100 + chance() * 300, undefined, { signal: stage.signal });
      if (ts !== undefined) await stage.people.react(voter, ts, "white_check_mark");
    }
  }
  await turn(stage, "every gate to be armed", async () =>
    (await stage.view.approvals(windowId)).every(({ state }) => state === "ARMED"),
  );
}

/** True when the window's phase is done, false when the window was put back. */
async function ended(
  stage: PlayStage,
  windowId: number,
  phase: string,
  veto: { readonly step: string } | undefined,
): Promise<boolean> {
  if (veto !== undefined) {
    await turn(stage, `step ${veto.step}`, () => stage.view.stepStarted(veto.step));
    const gate = (await stage.view.approvals(windowId))[0]?.ts;
    stage.say("Cyn has second thoughts and reacts ⛔ while the window is open");
    if (gate !== undefined) await stage.people.react(ids.cyn, gate, "no_entry");
  }
  return turn(stage, `${phase} to end`, async () => {
    const window = await stage.view.window();
    if (window?.id === windowId && (window.state === "put-back" || window.state === "cancelled")) return { done: false };
    const state = (await stage.view.phaseState(phase))?.state;
    if (state === "done") return { done: true };
    return undefined;
  }).then(({ done }) => done);
}

/** Waits for somebody's turn. */
async function turn<T>(stage: PlayStage, what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + turnMs;
  for (;;) {
    stage.signal.throwIfAborted();
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${turnMs / 1000} s for ${what}`);
    await delay(150, undefined, { signal: stage.signal });
  }
}
