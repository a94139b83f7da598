import { availableParallelism } from "node:os";
import { asDrawbridgeError, type DrawbridgeError } from "../../errors.ts";
import { RangeSlots, type RangeSource } from "../store/read-ranges.ts";
import type { ExtractionTarget } from "./extract.ts";
import type { PartFacts } from "./part-facts.ts";
import { PartLane, type PartJob } from "./part-lane.ts";

/** Memory for what has been fetched and not yet unpacked. */
const inFlightBytes = 32 * 1024 * 1024;
/** Four write some GB/s, which few disks and lines can; each costs some 35 MB of memory. */
const greatestLanes = 4;

/** Partitions to be unpacked or looked at. */
export interface PartsRun extends RangeSource {
  readonly jobs: readonly PartJob[];
  /** Absent: nothing is written. */
  readonly target: ExtractionTarget | undefined;
  /** Threads; found from the machine unless told. */
  readonly lanes?: number | undefined;
  readonly onFetched: (bytes: number) => void;
  readonly onWritten: (bytes: number) => void;
  /** A part is unpacked; what this throws ends the run. */
  readonly onPart: (facts: PartFacts, job: PartJob) => Promise<void> | void;
  /** A part is not what it should be; what this throws ends the run, otherwise it goes on with the others. */
  readonly onFault: (fault: DrawbridgeError, job: PartJob) => void;
}

/**
 * Unpacks partitions on several threads at once, in memory that does not depend on their number or size.
 * @throws DrawbridgeError what `onPart` and `onFault` throw; `DB_ABORTED` or the signal's reason when stopped.
 */
export async function runParts(run: PartsRun): Promise<void> {
  if (run.jobs.length === 0) return;
  const failed = new AbortController();
  const signal = run.signal ? AbortSignal.any([run.signal, failed.signal]) : failed.signal;
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(asDrawbridgeError(signal.reason));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const queue = [...run.jobs].toSorted((a, b) => b.object.sizeBytes - a.object.sizeBytes);
  const lanes = makeLanes({ ...run, signal });
  try {
    await Promise.race([stopped.promise, Promise.all(lanes.map((lane) => drain(lane, queue, run)))]);
  } catch (thrown) {
    run.signal?.throwIfAborted();
    throw asDrawbridgeError(thrown);
  } finally {
    failed.abort();
    signal.removeEventListener("abort", stop);
    stopped.promise.catch(() => undefined);
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

function makeLanes(run: PartsRun): PartLane[] {
  const wanted = run.lanes ?? Math.max(2, Math.min(greatestLanes, availableParallelism()));
  const count = Math.min(wanted, run.jobs.length);
  const slots = new RangeSlots(inFlightBytes);
  const { memory } = slots;
  const { target, onFetched, onWritten } = run;
  const lanes: PartLane[] = [];
  // towards the end the lanes that still have something to do get what the others no longer need
  const share = (): number =>
    Math.max(1, Math.floor(memory.length / Math.max(1, lanes.filter((lane) => lane.isBusy).length)));
  for (let number = 0; number < count; number += 1)
    lanes.push(new PartLane({ setup: { target, memory }, source: run, slots, share, onFetched, onWritten }));
  return lanes;
}

/** Feeds one lane until nothing is left to do. */
async function drain(lane: PartLane, queue: PartJob[], run: PartsRun): Promise<void> {
  const results: Promise<void>[] = [];
  for (let job = queue.shift(); job; job = queue.shift()) {
    const { result } = await lane.feed(job);
    const settled = settle(result, job, run);
    // a fault that ends the run is thrown below, or by another lane
    settled.catch(() => undefined);
    results.push(settled);
    if (results.length > 1) await results.shift();
  }
  await Promise.all(results);
}

async function settle(result: Promise<PartFacts>, job: PartJob, run: PartsRun): Promise<void> {
  let facts: PartFacts;
  try {
    facts = await result;
  } catch (thrown) {
    run.onFault(asDrawbridgeError(thrown), job);
    return;
  }
  await run.onPart(facts, job);
}
