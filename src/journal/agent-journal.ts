import { inTransaction } from "../postgres/connect.ts";
import { lockGoal, readGoal, writeAgentState } from "./agent-goals.ts";
import type { AgentGoal, AgentState } from "./agent-rows.ts";
import type { Journal } from "./open.ts";

/** The journal as one bridge's agent sees it: its own goal and its own state. */
export interface AgentJournal {
  readGoal(): Promise<AgentGoal | undefined>;
  writeState(state: AgentState): Promise<void>;
  /**
   * Runs `fn` while the goal's row stays locked, so that the worker cannot set another goal meanwhile. @returns
   * `undefined`, without running it, when the goal no longer has this epoch. `fn` gets a signal that aborts when the lock's
   * session breaks: then the lock is gone.
   */
  withGoalLocked<T>(epoch: bigint, fn: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  /** Calls back when the goal may have changed; a missed call only costs the next look's seconds. Returns how to stop. */
  onGoalChange(call: () => void): () => void;
}

/** Narrows a journal, opened under the agent's own role, to what the agent does with it. */
export function agentJournal(journal: Journal, migrationId: string): AgentJournal {
  return {
    readGoal: () => readGoal(journal.db, migrationId),
    writeState: (state) => writeAgentState(journal.db, state),
    withGoalLocked: async (epoch, fn) => {
      await using session = await journal.session("goal");
      return await inTransaction(session, async (tx) => {
        const goal = await lockGoal(tx, migrationId);
        return goal?.epoch === epoch ? fn(session.lost) : undefined;
      });
    },
    onGoalChange: (call) => {
      const stop = new AbortController();
      const listening = journal.listen((change) => {
        if (stop.signal.aborted) return;
        if (change.table === "" || (change.table === "agent_goal" && change.migrationId === migrationId)) call();
      });
      // without notifications the agent still looks every few seconds
      listening.catch(() => undefined);
      return () => {
        stop.abort();
        void listening.then((end) => end()).catch(() => undefined);
      };
    },
  };
}
