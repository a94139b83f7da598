import type { Clock } from "../../clock.ts";

/** What a restore does at the moment: unpacks parts, checks and completes the directory, or waits for the disk. */
export type RestorePhase = "base" | "finishing" | "sync";

/** How far a restore is. */
export interface RestoreProgress {
  readonly phase: RestorePhase;
  readonly partsDone: number;
  readonly partsTotal: number;
  /** Bytes of files written; by an earlier, broken off restore as well. */
  readonly bytesDone: number;
  /** As the archive foretells it; absent where it does not. */
  readonly bytesTotal: number | undefined;
  /** Compressed bytes that have come from the archive, those of an earlier restore as well. */
  readonly fetchedBytes: number;
  /** Sum of the sizes of all parts: an estimate of the time left divides what is left of it by the rate. */
  readonly fetchTotalBytes: number;
  /** Compressed bytes a second over the last seconds of this restore; 0 before the first have come. */
  readonly fetchRate: number;
}

/** What a meter starts from. */
export interface MeterOptions {
  readonly partsTotal: number;
  readonly bytesTotal: number | undefined;
  readonly fetchTotalBytes: number;
  readonly clock: Clock;
  readonly tell: ((progress: RestoreProgress) => void) | undefined;
}

/** The rate is told over so many milliseconds. */
const windowMs = 10_000;

/** Adds up what happens and tells it. */
export class ProgressMeter {
  readonly #options: MeterOptions;
  readonly #beganMs: number;
  /** Oldest first: when, and the bytes fetched until then in this run. */
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  #phase: RestorePhase = "base";
  #partsDone = 0;
  #written = 0;
  #fetched = 0;
  #fetchedBefore = 0;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#beganMs = options.clock.now().getTime();
  }

  /** A part that an earlier, broken off run has unpacked: `fetchedBytes` as stored, `fileBytes` of its files. */
  earlierPart(fetchedBytes: number, fileBytes: number): void {
    this.#fetchedBefore += fetchedBytes;
    this.#written += fileBytes;
    this.partDone();
  }

  partDone(): void {
    this.#partsDone += 1;
    this.#tell();
  }

  fetched(bytes: number): void {
    this.#fetched += bytes;
    const atMs = this.#options.clock.now().getTime();
    this.#samples.push({ atMs, bytes: this.#fetched });
    while (this.#samples.length > 2 && atMs - (this.#samples[0]?.atMs ?? atMs) > windowMs) this.#samples.shift();
    this.#tell();
  }

  wrote(bytes: number): void {
    this.#written += bytes;
    this.#tell();
  }

  phase(phase: RestorePhase): void {
    this.#phase = phase;
    this.#tell();
  }

  #tell(): void {
    const { partsTotal, bytesTotal, fetchTotalBytes, tell } = this.#options;
    tell?.({
      phase: this.#phase,
      partsDone: this.#partsDone,
      partsTotal,
      bytesDone: this.#written,
      bytesTotal,
      fetchedBytes: this.#fetchedBefore + this.#fetched,
      fetchTotalBytes,
      fetchRate: this.#rate(),
    });
  }

  #rate(): number {
    const first = this.#samples.length > 1 ? this.#samples[0] : { atMs: this.#beganMs, bytes: 0 };
    const last = this.#samples.at(-1);
    if (!first || !last) return 0;
    return ((last.bytes - first.bytes) * 1000) / Math.max(1, last.atMs - first.atMs);
  }
}
