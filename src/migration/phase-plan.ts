import type { Code } from "../errors.ts";
import type { Phase } from "../journal/phase.ts";
import type { Step } from "./step.ts";

/** The steps of one phase, in order. */
export interface PhasePlan<W> {
  readonly phase: Phase;
  readonly steps: readonly Step<W>[];
  /** A new try first undoes what earlier tries of this phase have done, although they had succeeded. */
  readonly startsClean?: true;
  /**
   * Which earlier phases have to run anew after the phase's window was put back. `attempted`: every step that was
   * started in this try, undone or not; `code`: why it was put back.
   */
  restartsWhenPutBack?(attempted: readonly string[], code: Code): readonly Phase[];
}
