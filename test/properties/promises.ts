import type { World } from "./world.ts";

/** What happened over all sequences, so that nobody takes silence for proof. */
export type Tally = Map<string, number>;

/** A sequence under way. */
export interface Play {
  readonly world: World;
  readonly tally: Tally;
  /** Approvals that opened a window. */
  readonly consumed: Set<string>;
  /** States as last seen, by approval. */
  readonly states: Map<string, string>;
  /** Windows that `go` opened. */
  readonly opened: Set<number>;
  /** Gated steps that took effect, with their window. */
  readonly effects: Set<string>;
  /** Promises that were broken inside a worker, which goes on. */
  readonly broken: Broken[];
}

/** A promise that was broken. */
export class Broken extends Error {
  override readonly name = "Broken";
  constructor(what: string) {
    super(`promise broken: ${what}`);
  }
}

export function count(play: Play, what: string): void {
  play.tally.set(what, (play.tally.get(what) ?? 0) + 1);
}
