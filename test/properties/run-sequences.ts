import fc from "fast-check";
import type { TestCluster } from "../support/cluster.ts";
import { makeJournal } from "../support/journal.ts";
import type { Sequence } from "./events.ts";
import { prepareHistory } from "./history.ts";
import { demandTerminalStates, happen } from "./play.ts";
import type { Play, Tally } from "./promises.ts";
import { sequence } from "./sequence.ts";
import { openWorld } from "./world.ts";

/** How many random sequences, and from which seed; `path` replays the one that fast-check printed. */
export interface Sequences {
  readonly count: number;
  readonly seed: number;
  readonly path?: string;
}

/** Sequences that run beside each other: the database's answers are awaited meanwhile. */
const lanes = 4;
let made = 0;

/**
 * Plays random sequences against the real evaluator, journal and runner. @returns how often what happened.
 * @throws fast-check's report with seed, path and the smallest sequence that still breaks a promise.
 */
export async function runSequences(cluster: TestCluster, ask: Sequences): Promise<Tally> {
  await using journal = await makeJournal(cluster);
  await prepareHistory(journal.admin);
  const tally: Tally = new Map();
  // a mutant only has to be noticed: neither the smallest sequence nor the other lanes matter then
  const once = process.env["DRAWBRIDGE_SHRINK"] === "no";
  let noticed = false;
  const play = async (given: Sequence): Promise<void> => {
    if (once && noticed) return;
    made += 1;
    const world = await openWorld(journal, made, given);
    const state: Play = {
      world,
      tally,
      consumed: new Set(),
      states: new Map(),
      opened: new Set(),
      effects: new Set(),
      broken: [],
    };
    try {
      for (const event of given.events) {
        await happen(state, event);
        await demandTerminalStates(state);
      }
    } catch (error) {
      noticed = true;
      throw error;
    }
  };
  const lane = (at: number): Promise<void> =>
    fc.assert(fc.asyncProperty(sequence, play), {
      numRuns: Math.ceil(ask.count / lanes),
      seed: ask.seed + at,
      ...(ask.path === undefined ? {} : { path: ask.path }),
      endOnFailure: once,
      interruptAfterTimeLimit: 1_800_000,
      // a run that was cut short has proven less than it says
      markInterruptAsFailure: true,
    });
  const ended = await Promise.allSettled(
    Array.from({ length: ask.path === undefined ? lanes : 1 }, (_, at) => lane(at)),
  );
  for (const each of ended) if (each.status === "rejected") throw each.reason;
  return tally;
}
