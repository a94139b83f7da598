import { Worker } from "node:worker_threads";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import type { ObjectInfo } from "../store/object-store.ts";
import { fetchRange, rangesOf, type RangeSlots, type RangeSource } from "../store/read-ranges.ts";
import type { PartFacts } from "./part-facts.ts";
import type { FromPartWorker, PartWorkerSetup, ToPartWorker } from "./part-messages.ts";

/** A partition to be unpacked, and how. */
export interface PartJob {
  readonly object: ObjectInfo;
  readonly existing: "refused" | "replaced";
  /** Told of the names of all members; costs memory, so only where something was found to be wrong. */
  readonly onNames?: ((names: readonly string[]) => void) | undefined;
}

/** What a lane is made of. */
export interface LaneOptions {
  readonly setup: PartWorkerSetup;
  readonly source: RangeSource;
  readonly slots: RangeSlots;
  /** Slots that this lane may hold at the moment. */
  readonly share: () => number;
}

/** Who is told of what comes and goes, in bytes. */
export interface LaneWatch {
  readonly onFetched: (bytes: number) => void;
  readonly onWritten: (bytes: number) => void;
}

/** A job under way. */
interface Running {
  readonly id: number;
  readonly job: PartJob;
  readonly watch: LaneWatch;
  readonly done: (facts: PartFacts) => void;
  readonly failed: (fault: DrawbridgeError) => void;
  fault: DrawbridgeError | undefined;
  writtenBytes: number;
}

type Step =
  | { readonly type: "part" | "end"; readonly running: Running }
  | {
      readonly type: "range";
      readonly running: Running;
      /** Its length, once it lies in the slot. */
      readonly fetching: Promise<number>;
      readonly slot: number;
    };

// small: a worker's own memory is what a damaged archive must not be able to fill
const resourceLimits = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 };

/**
 * One worker thread and the ranges that are on their way to it. Ranges are fetched several at a time and handed over in
 * order; those of the next part are asked for while the worker still unpacks the one before.
 */
export class PartLane {
  readonly #options: LaneOptions;
  readonly #worker: Worker;
  readonly #steps: Step[] = [];
  /** Parts that the worker has been told of and has not answered yet, by number. */
  readonly #told = new Map<number, Running>();
  #lastId = 0;
  #held = 0;
  #wake: (() => void) | undefined;
  #isFeeding = false;
  #dead: DrawbridgeError | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const workerData = options.setup;
    this.#worker = new Worker(new URL("./part-worker.ts", import.meta.url), {
      workerData,
      resourceLimits,
      execArgv: [],
    });
    this.#worker.on("message", (message: FromPartWorker) => this.#hear(message));
    this.#worker.on("error", (cause) => this.#die(cause));
    this.#worker.on("exit", () => this.#die(new Error("a part worker ended")));
  }

  /** Whether it has a part that is not unpacked yet. */
  get isBusy(): boolean {
    return this.#told.size > 0 || this.#steps.length > 0;
  }

  /**
   * Queues all ranges of a part. Resolves when they have been asked for: then there is room for the next one. `result`
   * resolves when the part is unpacked; the lane can be used on after a rejected one.
   */
  async feed(job: PartJob, watch: LaneWatch): Promise<{ readonly result: Promise<PartFacts> }> {
    const { promise: result, resolve, reject } = Promise.withResolvers<PartFacts>();
    result.catch(() => undefined);
    const id = (this.#lastId += 1);
    const running: Running = { id, job, watch, done: resolve, failed: reject, fault: this.#dead, writtenBytes: 0 };
    this.#enqueue({ type: "part", running });
    for (const range of rangesOf(job.object.sizeBytes, this.#options.slots.rangeBytes)) {
      const slot = await this.#takeSlot(running);
      const memory = slot === undefined ? undefined : this.#options.slots.memory[slot];
      if (slot === undefined || !memory) break;
      const fetching = fetchRange(this.#options.source, job.object, range, memory);
      fetching.catch(() => undefined);
      this.#enqueue({ type: "range", running, fetching, slot });
    }
    this.#enqueue({ type: "end", running });
    return { result };
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners("exit");
    await this.#worker.terminate();
    this.#die(new Error("the part worker was ended"));
  }

  async #takeSlot(running: Running): Promise<number | undefined> {
    while (this.#held >= this.#options.share() && !running.fault) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (running.fault) return undefined;
    this.#held += 1;
    return this.#options.slots.take();
  }

  #giveSlot(slot: number): void {
    this.#held -= 1;
    this.#options.slots.give(slot);
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #enqueue(step: Step): void {
    this.#steps.push(step);
    if (!this.#isFeeding) void this.#feedWorker();
  }

  /** Hands everything over in order. Never rejects: faults go to the part they belong to. */
  async #feedWorker(): Promise<void> {
    this.#isFeeding = true;
    for (let step = this.#steps.shift(); step; step = this.#steps.shift()) {
      const { running } = step;
      if (step.type === "range") await this.#handOver(step);
      else if (running.fault) this.#fail(running, running.fault);
      else if (step.type === "part") this.#begin(running);
      else this.#tell({ type: "end" });
    }
    this.#isFeeding = false;
  }

  async #handOver(step: Extract<Step, { type: "range" }>): Promise<void> {
    const { running, slot } = step;
    try {
      const length = await step.fetching;
      running.watch.onFetched(length);
      if (running.fault === undefined) return this.#tell({ type: "bytes", slot, length });
    } catch (thrown) {
      this.#fail(running, asDrawbridgeError(thrown));
    }
    this.#giveSlot(slot);
  }

  #begin(running: Running): void {
    const { job } = running;
    this.#told.set(running.id, running);
    const tellNames = job.onNames !== undefined;
    this.#tell({ type: "part", id: running.id, key: job.object.key, existing: job.existing, tellNames });
  }

  #tell(message: ToPartWorker): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromPartWorker): void {
    const running = this.#told.get(message.id);
    if (message.type === "consumed") {
      this.#giveSlot(message.slot);
      if (running) this.#written(running, message.writtenBytes);
    } else if (running && message.type === "names") running.job.onNames?.(message.names);
    else if (running && message.type === "done") {
      this.#written(running, message.writtenBytes);
      this.#told.delete(running.id);
      running.done(message.facts);
    } else if (running && message.type === "failed") {
      const { code, outcome } = message;
      this.#fail(running, new DrawbridgeError(code, message.message, { outcome }));
    }
  }

  #written(running: Running, bytes: number): void {
    const more = bytes - running.writtenBytes;
    if (more <= 0) return;
    running.writtenBytes = bytes;
    running.watch.onWritten(more);
  }

  #fail(running: Running, fault: DrawbridgeError): void {
    running.fault ??= fault;
    this.#told.delete(running.id);
    running.failed(running.fault);
    this.#wakeUp();
  }

  #die(cause: unknown): void {
    const words = cause instanceof Error ? cause.message : String(cause);
    this.#dead ??= new DrawbridgeError("DB_UNEXPECTED", `unpacking: ${words}`, { cause });
    for (const running of [...this.#told.values(), ...this.#steps.map((step) => step.running)])
      this.#fail(running, this.#dead);
    this.#wakeUp();
  }
}
