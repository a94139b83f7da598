import type { AgentGoal, AgentState } from "../journal/agent-rows.ts";

/** The agent's own rows in the journal: the goal it reads, the state it writes. */
export interface AgentJournal {
  /** What the bridge should be; `undefined` while nobody has said. */
  readGoal(): Promise<AgentGoal | undefined>;
  /** Replaces what the agent last said of itself. */
  writeState(state: AgentState): Promise<void>;
  /**
   * Runs `fn` while the goal's row is locked, so that nobody can change the goal meanwhile. `undefined`, and `fn` not
   * called, when the goal is not of `epoch` any more.
   */
  withGoalLocked<T>(epoch: bigint, fn: () => Promise<T>): Promise<T | undefined>;
  /** Calls back when the goal may have changed; a missed call only costs the next look's seconds. Returns how to stop. */
  onGoalChange(callback: () => void): () => void;
}
