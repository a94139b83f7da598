import { setTimeout as delay } from "node:timers/promises";
import type { JournalView } from "./journal-view.ts";
import type { SlackPeople } from "./slack-people.ts";

/** Nobody plays the people: shows the next command, in the page's banner and here, until the migration has ended. */
export async function followByHand(stage: {
  readonly people: SlackPeople;
  readonly view: JournalView;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  let shown = "";
  for (;;) {
    stage.signal.throwIfAborted();
    const migration = await stage.view.migration();
    if (migration?.state === "completed" || migration?.state === "aborted") return;
    const next = await nextHint(stage.view, migration);
    if (next !== shown) {
      shown = next;
      stage.say(next);
      await stage.people.hint(next);
    }
    await delay(500, undefined, { signal: stage.signal });
  }
}

/** What a person could do now. */
async function nextHint(view: JournalView, migration: { state: string; phase: string } | undefined): Promise<string> {
  if (migration === undefined) return "Choose Greg and type: /migrate plan";
  const state = (await view.phaseState(migration.phase))?.state;
  if (migration.state === "draft" && (state === "paused" || state === "failed"))
    return "Preflight names what is in the way, and the fix, in the thread; when it is mended, as Greg: /migrate check";
  if (migration.state === "draft")
    return state === "done" ? "As Greg: /migrate start" : "Preflight runs; its findings come in the thread";
  if (state === "paused" || state === "failed")
    return "Something needs you: read the card, then /migrate retry (or /migrate abort)";
  if (state !== "waiting") return `Nothing to do: ${migration.phase} runs`;
  const window = await view.window();
  if (!["promote", "cutover", "retire"].includes(migration.phase)) return `Nothing to do: ${migration.phase} begins`;
  if (window?.state !== "asking") return "As Greg: /migrate window";
  const approvals = await view.approvals(window.id);
  const open = approvals.filter((approval) => approval.state !== "ARMED");
  if (open.length === 0) return "Every gate is armed. As Greg: /migrate go";
  return `As two of Ann, Bob and Cyn: react ✅ to ${open.map(({ gate }) => gate).join(", ")}`;
}
