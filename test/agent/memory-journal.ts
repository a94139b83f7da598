import type { AgentJournal } from "../../src/agent/goal.ts";
import { waitFor } from "../../src/clock.ts";
import { explain } from "../../src/errors.ts";
import type { AgentGoal, AgentState } from "../../src/journal/agent-rows.ts";

/** The agent's rows without a database: what a test sets as goal and what the agent said. */
export class MemoryJournal implements AgentJournal {
  readonly states: AgentState[] = [];
  #goal: AgentGoal | undefined;
  #epoch = 0n;
  readonly #callbacks = new Set<() => void>();

  /** Sets the next goal, in the next epoch unless one is given. */
  setGoal(goal: AgentGoal["goal"], params: AgentGoal["params"] = {}, epoch?: bigint): bigint {
    this.#epoch = epoch ?? this.#epoch + 1n;
    this.#goal = { migrationId: "m1", epoch: this.#epoch, goal, params };
    for (const call of this.#callbacks) call();
    return this.#epoch;
  }

  readGoal(): Promise<AgentGoal | undefined> {
    return Promise.resolve(this.#goal);
  }

  writeState(state: AgentState): Promise<void> {
    this.states.push(state);
    return Promise.resolve();
  }

  async withGoalLocked<T>(epoch: bigint, fn: () => Promise<T>): Promise<T | undefined> {
    return this.#goal?.epoch === epoch ? fn() : undefined;
  }

  onGoalChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Waits for a state of the present epoch; a failure that nobody expects ends the wait with its message. */
  async reached(state: AgentState["state"], also: (state: AgentState) => boolean = () => true): Promise<AgentState> {
    const from = this.states.length;
    const look = (): AgentState | undefined => {
      const mine = this.states.slice(from).filter((one) => one.epoch === this.#epoch);
      const failed = mine.find((one) => one.state === "failed" && one.facts.error?.outcome === "terminal");
      if (failed && state !== "failed") throw new Error(explain(failed.facts.error?.message));
      return mine.find((one) => one.state === state && also(one));
    };
    return waitFor(look, { deadlineMs: 60_000, everyMs: 20, what: `the agent to say ${state}` });
  }
}
