import { ids } from "../slack/cast.ts";
import type { SeenApproval } from "./journal-view.ts";
import { linger, type PlayStage, turn } from "./turn.ts";

const names = { [ids.ann]: "Ann", [ids.bob]: "Bob", [ids.cyn]: "Cyn" } as const;
const tick = "white_check_mark";

/** The window that Greg asked for, with a message for each of its gates. */
export async function postedGates(
  stage: PlayStage,
  window: string,
): Promise<{ id: number; approvals: readonly SeenApproval[] }> {
  return turn(stage, `the gates of ${window} to be posted`, async () => {
    const now = await stage.view.window();
    if (now?.name !== window || now.state !== "asking") return undefined;
    const approvals = await stage.view.approvals(now.id);
    const posted = approvals.length > 0 && approvals.every(({ ts, state }) => ts !== undefined && state !== "OPENING");
    return posted ? { id: now.id, approvals } : undefined;
  });
}

/** Two of the three approvers react on every gate. @returns whether every gate is armed; false when one of them has ended otherwise. */
export async function voteOn(
  stage: PlayStage,
  window: { id: number; approvals: readonly SeenApproval[] },
  chance: () => number,
): Promise<boolean> {
  const voters = [ids.ann, ids.bob, ids.cyn].toSorted(() => chance() - 0.5).slice(0, 2);
  const count = window.approvals.length;
  for (const voter of voters) {
    stage.say(`${names[voter] ?? voter} reads ${count} gate${count === 1 ? "" : "s"} and reacts ✅`);
    for (const { ts } of window.approvals) {
      await linger(stage, chance, 100);
      if (ts !== undefined) await stage.people.react(voter, ts, tick);
    }
  }
  const { armed } = await turn(stage, "every gate to be armed", async () => {
    const states = (await stage.view.approvals(window.id)).map(({ state }) => state);
    if (states.every((state) => state === "ARMED")) return { armed: true };
    return states.every((state) => state === "ARMED" || state === "PENDING") ? undefined : { armed: false };
  });
  return armed;
}

/** The requester reacts too, and is told why that does not count. */
export async function showRefusal(stage: PlayStage, ts: string): Promise<void> {
  const { people } = stage;
  stage.say("Greg reacts ✅ to his own request, which does not count");
  const told = async (): Promise<boolean> =>
    (await people.messages()).some(({ ephemeralTo, text }) => ephemeralTo === ids.greg && /not counted/i.test(text));
  for (let tries = 1; ; tries += 1) {
    await people.react(ids.greg, ts, tick);
    // the bot may be away just now, and private hints are not repeated
    const heard = await turn(stage, "Drawbridge to tell Greg why", told, tries < 4 ? 20_000 : undefined).catch(
      () => undefined,
    );
    await people.react(ids.greg, ts, tick, false);
    stage.signal.throwIfAborted();
    if (heard !== undefined) return;
    if (tries === 4) throw new Error("Drawbridge never told Greg that his own ✅ does not count");
  }
}

/** An approver changes her mind while the window is open. */
export async function veto(stage: PlayStage, windowId: number, step: string): Promise<void> {
  await turn(stage, `step ${step}`, () => stage.view.stepStarted(step));
  const gate = (await stage.view.approvals(windowId))[0]?.ts;
  stage.say("Cyn has second thoughts and reacts ⛔ while the window is open");
  if (gate !== undefined) await stage.people.react(ids.cyn, gate, "no_entry");
}
