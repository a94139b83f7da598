import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { FaultStory } from "./fault-stories.ts";
import type { JournalView } from "./journal-view.ts";
import { holdFile } from "./run-directory.ts";
import type { SandboxWorld } from "./sandbox-world.ts";

/** A story that is being told beside the play. */
export interface Telling {
  /** Settles when the story has ended or was stopped; never rejects. */
  readonly done: Promise<void>;
  /** Rejects when the story broke; never resolves. */
  readonly failed: Promise<never>;
}

/** Lets a fault's story act when its moment comes. */
export function tellStory(of: {
  readonly story: FaultStory | undefined;
  readonly world: SandboxWorld;
  readonly view: JournalView;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Telling {
  const { story, view, seed, say, signal } = of;
  if (story?.act === undefined) return { done: Promise.resolve(), failed: new Promise(() => undefined) };
  const stepStarted = async (step: string): Promise<void> => {
    while (!(await view.stepStarted(step))) await delay(50, undefined, { signal });
  };
  const phaseState = async (phase: string) => (await view.phaseState(phase))?.state;
  const windowState = async () => (await view.window())?.state;
  const release = (): void => rmSync(holdFile(of.world.directory), { force: true });
  const acting = story.act({ world: of.world, say, stepStarted, phaseState, windowState, release, seed, signal });
  return {
    done: acting.catch(() => undefined),
    failed: new Promise((_resolve, reject) => {
      acting.catch((thrown: unknown) => {
        if (!signal.aborted) reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      });
    }),
  };
}
