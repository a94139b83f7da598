import { rename, rm, writeFile } from "node:fs/promises";
import { type Clock, systemClock } from "../clock.ts";
import { explain } from "../errors.ts";
import type { Log } from "../log.ts";

/** How often a worker beats, in milliseconds. */
export const beatEveryMs = 5_000;

/** Where a worker leaves its heartbeat; without the variable it leaves none. The image sets it. */
export function heartbeatFile(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = env["DRAWBRIDGE_HEARTBEAT_FILE"];
  return named === "" ? undefined : named;
}

/** What {@link keepBeating} needs. */
export interface HeartbeatOptions {
  readonly file: string;
  /** Does a little of the real work: a query to the journal. A heartbeat counts only when it succeeds. */
  readonly probe: () => Promise<unknown>;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly everyMs?: number;
  readonly clock?: Clock;
}

/**
 * Writes the time into the file after each successful probe until `signal` aborts, then removes the file. A process whose
 * event loop stands, or that has lost the journal, stops beating. Never rejects.
 */
export async function keepBeating(options: HeartbeatOptions): Promise<void> {
  const { file, probe, log, signal } = options;
  const clock = options.clock ?? systemClock;
  let well = true;
  while (!signal.aborted) {
    try {
      await probe();
      // renamed into place: whoever reads sees a whole time
      await writeFile(`${file}.half`, clock.now().toISOString());
      await rename(`${file}.half`, file);
      well = true;
    } catch (thrown) {
      if (well) log.warn({ error: explain(thrown) }, "no heartbeat: the journal does not answer");
      well = false;
    }
    await clock.sleep(options.everyMs ?? beatEveryMs, signal).catch(() => undefined);
  }
  await rm(file, { force: true });
}
