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
  let changed = Promise.withResolvers<void>();
  const notice = (): void => changed.resolve();
  const watchers = dirs.map((dir) => watch(dir, notice));
  // a directory that is removed under us is told by the next look
  for (const watcher of watchers) watcher.on("error", notice);
  let second: Promise<void> | undefined;
  try {
    while (!signal.aborted) {
      changed = Promise.withResolvers();
      await look();
      // it goes on beside the notices: a timer and a signal for each of them took a fifth of the main thread's time
      second ??= clock
        .sleep(1_000, signal)
        .catch(() => undefined)
        .finally(() => (second = undefined));
      await Promise.race([changed.promise, second]);
    }
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}
