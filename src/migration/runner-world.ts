import type { Clock } from "../clock.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";

/** What the runner itself needs of the world; steps see more of it. */
export interface RunnerWorld {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** Digest of the configuration that this process was started with; a window that was opened under another is not touched. */
  readonly configDigest: string;
  /**
   * A named point at which the sandbox and tests may kill or delay the process. Does nothing elsewhere. The runner names
   * `started:<step>` (journalled, before any effect), `ran:<step>` (effect there, not recorded) and `recorded:<step>`.
   */
  fault(name: string): Promise<void>;
}
