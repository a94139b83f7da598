import { availableParallelism } from "node:os";
import { asDrawbridgeError, type DrawbridgeError } from "../../errors.ts";
import { RangeSlots, type RangeSource } from "../store/read-ranges.ts";
import type { ExtractionTarget } from "./extract.ts";
import { isHeavy } from "./heavy-part.ts";
import type { PartFacts } from "./part-facts.ts";
import { PartLane, type PartJob } from "./part-lane.ts";

const mib = 1024 * 1024;
/**
 * Ranges on their way and not yet unpacked, several for each thread: S3 gives one connection 50 to 90 MB/s. Two threads have memory to
 * spare for larger ones, which cost both sides less: a request takes a millisecond of processor time. One looks at a part once more beside
 * those that are at work.
 */
const flightOf = (lanes: number): { count: number; rangeBytes: number } =>
  lanes === 2 ? { count: 6, rangeBytes: 8 * mib } : { count: 8, rangeBytes: 4 * mib };
/** Four write some GB/s, which few disks and lines can; each costs some 25 MB of memory. */
const greatestLanes = 4;

/** What threads that unpack partitions are started with. */
export interface PartLanesOptions extends RangeSource {
  /** Absent: nothing is written. */
  readonly target: ExtractionTarget | undefined;
  /** Threads; found from the machine unless told. */
  readonly lanes?: number | undefined;
}

/** Partitions to be unpacked or looked at. */
export interface PartsRun {
  readonly jobs: readonly PartJob[];
  readonly onFetched: (bytes: number) => void;
  readonly onWritten: (bytes: number) => void;
  /** A part is unpacked; what this throws ends the run. */
  readonly onPart: (facts: PartFacts, job: PartJob) => Promise<void> | void;
  /** A part is not what it should be; what this throws ends the run, otherwise it goes on with the others. */
  readonly onFault: (fault: DrawbridgeError, job: PartJob) => void;
}

/** Threads that unpack partitions, in memory that does not depend on their number or size. */
export interface PartLanes extends AsyncDisposable {
  /**
   * Unpacks partitions on all threads at once; one run after the other. One that fails ends the threads: then nothing of it goes on.
   * @throws DrawbridgeError what `onPart` and `onFault` throw; `DB_ABORTED` or the signal's reason when stopped.
   */
  run(run: PartsRun): Promise<void>;
}

/** Starts the threads. It takes them some tenths of a second to be ready: opened ahead, they are when the first part comes. */
export function openPartLanes(options: PartLanesOptions): PartLanes {
  const over = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, over.signal]) : over.signal;
  const { lanes: count = usualLanes() } = options;
  const slots = new RangeSlots(flightOf(count));
  const { memory } = slots;
  const lanes: PartLane[] = [];
  // towards the end the lanes that still have something to do get what the others no longer need
  const share = (): number =>
    Math.max(1, Math.floor(memory.length / Math.max(1, lanes.filter((lane) => lane.isBusy).length)));
  const setup = { target: options.target, memory };
  const add = (): void => void lanes.push(new PartLane({ setup, source: { ...options, signal }, slots, share }));
  for (let number = 0; number < count; number += 1) add();
  const close = async (): Promise<void> => {
    over.abort();
    await Promise.all(lanes.map((lane) => lane.close()));
  };
  const run = async (parts: PartsRun): Promise<void> => {
    if (lanes.length === count && options.lanes === undefined && wantsOneMore(parts.jobs, count)) add();
    try {
      await runOn(lanes, parts, options.signal);
    } catch (fault) {
      await close();
      throw fault;
    }
  };
  return { run, [Symbol.asyncDispose]: close };
}

/** One run on threads of its own. @throws DrawbridgeError as {@link PartLanes.run}. */
export async function runParts(run: PartsRun & PartLanesOptions): Promise<void> {
  if (run.jobs.length === 0) return;
  const { lanes = usualLanes() } = run;
  await using opened = openPartLanes({ ...run, lanes: Math.min(lanes, run.jobs.length) });
  await opened.run(run);
}

async function runOn(lanes: readonly PartLane[], run: PartsRun, signal: AbortSignal | undefined): Promise<void> {
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const stop = (): void => stopped.reject(asDrawbridgeError(signal?.reason));
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  const queue = [...run.jobs].toSorted((a, b) => b.object.sizeBytes - a.object.sizeBytes);
  try {
    await Promise.race([stopped.promise, Promise.all(lanes.map((lane) => drain(lane, queue, run)))]);
  } catch (thrown) {
    signal?.throwIfAborted();
    throw asDrawbridgeError(thrown);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function usualLanes(): number {
  return Math.max(2, Math.min(greatestLanes, availableParallelism()));
}

/**
 * A stream cannot change its thread: with as many threads as processors one of them has nothing to do while another's last part ends, and
 * nothing while it waits for the disk.
 */
function wantsOneMore(jobs: readonly PartJob[], lanes: number): boolean {
  return lanes < greatestLanes && jobs.filter(({ object }) => isHeavy(object.key)).length > lanes;
}

/** Feeds one lane until nothing is left to do. */
async function drain(lane: PartLane, queue: PartJob[], run: PartsRun): Promise<void> {
  const results: Promise<void>[] = [];
  for (let job = queue.shift(); job; job = queue.shift()) {
    const { result } = await lane.feed(job, run);
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
