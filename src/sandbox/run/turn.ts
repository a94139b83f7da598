import { setTimeout as delay } from "node:timers/promises";
import { DrawbridgeError } from "../../errors.ts";
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

/** Longest wait for anybody's turn; everything in the sandbox takes less. */
const turnMs = 900_000;

/** Waits for somebody's turn. @throws Error that names what was waited for. */
export async function turn<T>(
  stage: PlayStage,
  what: string,
  look: () => Promise<T | undefined | false>,
  deadlineMs: number = turnMs,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    stage.signal.throwIfAborted();
    const found = await look().catch(notYetIfUnreachable);
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`);
    await delay(150, undefined, { signal: stage.signal });
  }
}

/** The journal's server may be away for a moment, as any server may; the play looks again. */
function notYetIfUnreachable(thrown: unknown): undefined {
  if (thrown instanceof DrawbridgeError && thrown.code === "DB_CONNECTION") return undefined;
  throw thrown;
}

/** A pause as people make one. */
export async function linger(stage: PlayStage, chance: () => number, leastMs = 200): Promise<void> {
  await delay(leastMs + chance() * 300, undefined, { signal: stage.signal });
}
