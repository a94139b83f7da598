import { watch } from "node:fs";
import type { Clock } from "../../clock.ts";

/** Which directories to watch, and how. */
export interface LookOptions {
  readonly dirs: readonly string[];
  /** Called at once, after changes, and every second in case a notice was lost. Never twice at the same time. */
  readonly look: () => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Calls `look` whenever one of the directories changes, until aborted. */
export async function lookWhenChanged({ dirs, look, clock, signal }: LookOptions): Promise<void> {
  let wake = new AbortController();
  const watchers = dirs.map((dir) => watch(dir, () => wake.abort()));
  // a directory that is removed under us is told by the next look
  for (const watcher of watchers) watcher.on("error", () => wake.abort());
  try {
    while (!signal.aborted) {
      wake = new AbortController();
      await look();
      await clock.sleep(1_000, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}
