import { readdir, rename, rm } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { parseHistory, timelineOf, type TimelineHistory } from "../format/timeline-history.ts";
import { walKind } from "../format/wal-names.ts";
import { placeSegment, withdrawSegment } from "./place-segment.ts";
import { segmentsAfter } from "./plan-segments.ts";
import { inSpool, type Spool } from "./spool.ts";
import type { WalSource } from "./wal-source.ts";

/** How far ahead and how hard segments are fetched. */
export interface PrefetchOptions {
  readonly spool: Spool;
  readonly source: WalSource;
  /** `pg_wal` of a standby; absent: PostgreSQL itself moves every segment there. */
  readonly walDir?: string | undefined;
  /** Bytes of segments that may lie ready or be on their way; 1 GiB unless told, and never less than two segments. */
  readonly budgetBytes?: number | undefined;
  /** How old a listing may be that tells PostgreSQL that a file is not there, in milliseconds. */
  readonly missFreshMs: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Fetches at once. */
const atOnce = 6;

/** How old a listing may be that says that the next segments are not there yet, in milliseconds. */
const staleMs = 2_000;

/** Keeps `ready/` filled with the segments that come next. What is decided between two awaits holds. */
export class Prefetcher {
  readonly #options: PrefetchOptions;
  /** Each with the path that it is taken from. */
  readonly #ready = new Map<string, string>();
  readonly #busy = new Map<string, Promise<boolean>>();
  readonly #ahead = new Set<string>();
  /** Asked for and not taken yet: not to be thrown out for being off the plan. */
  readonly #wanted = new Set<string>();
  readonly #histories = new Map<number, TimelineHistory>();
  #start: string | undefined;
  #last: string | undefined;
  #restUntilMs = 0;

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  /** Segments that lie ready. */
  get ready(): ReadonlyMap<string, string> {
    return this.#ready;
  }

  /** The segment that was taken last, or from which on we were told to fetch. */
  get position(): string | undefined {
    return this.#last ?? this.#start;
  }

  /** What an earlier courier left: proven again, then used; what is not good is removed. */
  async adopt(names: readonly string[]): Promise<void> {
    const { source, spool, log } = this.#options;
    for (const name of names) {
      const path = inSpool(spool, "ready", name);
      try {
        await source.verifyFile(name, path);
        this.#ready.set(name, path);
      } catch (fault) {
        log.debug({ name, fault: String(fault) }, "a segment left in the spool is not good; it is fetched again");
        await rm(path, { force: true });
      }
    }
  }

  /** Fetches from `segment` on, before PostgreSQL has asked. What does not work at once is tried again at each tick. */
  startAt(segment: string): void {
    this.#start = segment;
    this.#last = undefined;
    void this.#begin(segment);
  }

  /** Brings a file that PostgreSQL waits for. `false`: the archive does not have it. */
  async want(name: string): Promise<boolean> {
    this.#wanted.add(name);
    const path = this.#ready.get(name);
    // it was not found in pg_wal, or it would not be asked for
    if (path !== undefined && this.#isPlaced(name)) {
      const ready = inSpool(this.#options.spool, "ready", name);
      this.#ready.set(name, ready);
      await rename(path, ready);
    }
    return this.#bring(name);
  }

  /** PostgreSQL has taken a segment: the window moves on. */
  taken(name: string): void {
    this.#ready.delete(name);
    this.#last = name;
    for (const other of this.#wanted) if (other.slice(8) <= name.slice(8)) this.#wanted.delete(other);
    const plan = new Set(this.#plan());
    for (const [other, path] of this.#ready) {
      if (plan.has(other) || this.#wanted.has(other)) continue;
      // one that PostgreSQL may have read is its own by now: it needs it again when it starts anew
      const isAhead = other.slice(8) > name.slice(8);
      const gone = isAhead && this.#isPlaced(other) ? this.#withdraw(other) : rm(path, { force: true });
      this.#ready.delete(other);
      void gone.catch(() => undefined);
    }
    this.#pump();
  }

  #isPlaced(name: string): boolean {
    return this.#ready.get(name) === inSpool(this.#options.spool, "placed", name);
  }

  async #withdraw(name: string): Promise<void> {
    const { spool, walDir } = this.#options;
    if (walDir !== undefined) await withdrawSegment(spool, walDir, name);
  }

  /** Goes on after a rest. */
  tick(): void {
    if (this.#ready.size > 0 || this.#last !== undefined) return this.#pump();
    if (this.#start !== undefined && this.#ahead.size === 0) void this.#begin(this.#start);
  }

  /** Waits for what is on its way. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
  }

  async #begin(segment: string): Promise<void> {
    const { source, signal } = this.#options;
    await this.#lookAhead(segment, async () => {
      for (let timeline = timelineOf(segment) + 1; ; timeline += 1) {
        const history = await source.readHistory(timeline, { freshMs: staleMs, signal });
        if (!history) break;
        this.#histories.set(timeline, history);
      }
      return this.#bring(segment);
    });
  }

  /** Joins a fetch that is on its way. */
  async #bring(name: string): Promise<boolean> {
    if (this.#ready.has(name)) return true;
    const running = this.#busy.get(name);
    if (running) return running;
    const work = this.#fetch(name).finally(() => this.#busy.delete(name));
    this.#busy.set(name, work);
    return work;
  }

  async #fetch(name: string): Promise<boolean> {
    const { source, spool, walDir, signal, missFreshMs } = this.#options;
    const isSegment = walKind(name) === "segment";
    const keepDir = isSegment ? inSpool(spool, "kept") : undefined;
    // PostgreSQL runs, and is so far behind that syncing does not keep it waiting
    const isAhead = isSegment && this.#last !== undefined && this.#ready.size >= atOnce && !this.#wanted.has(name);
    const place = walDir !== undefined && isAhead;
    let path = inSpool(spool, place ? "placed" : "ready", name);
    const found = await source.fetch(name, path, { keepDir, freshMs: missFreshMs, sync: place, signal });
    if (place && found && !(await placeSegment(spool, walDir, name))) path = inSpool(spool, "ready", name);
    if (found?.history !== undefined) this.#histories.set(timelineOf(name), parseHistory(found.history, name));
    // a client that waited may have it already: whoever looks for what was taken will see that
    if (found && isSegment) this.#ready.set(name, path);
    return found !== undefined;
  }

  #slots(segmentBytes: number): number {
    return Math.max(2, Math.floor((this.#options.budgetBytes ?? 1024 ** 3) / segmentBytes));
  }

  #plan(): string[] {
    const { segmentBytes } = this.#options.source.known();
    if (segmentBytes === undefined || this.position === undefined) return [];
    const after = segmentsAfter(this.position, this.#slots(segmentBytes), segmentBytes, [...this.#histories.values()]);
    return this.#last === undefined ? [this.position, ...after.slice(0, -1)] : after;
  }

  /** Starts as many fetches as bytes and hands allow. */
  #pump(): void {
    const { signal, clock } = this.#options;
    if (signal.aborted || clock.now().getTime() < this.#restUntilMs) return;
    const plan = this.#plan();
    for (const name of plan) {
      if (this.#ahead.size >= atOnce || this.#ready.size + this.#ahead.size >= plan.length) return;
      if (this.#ready.has(name) || this.#ahead.has(name) || this.#busy.has(name)) continue;
      void this.#lookAhead(name, () => this.#bringIfThere(name));
    }
  }

  async #bringIfThere(name: string): Promise<boolean> {
    const { source, signal } = this.#options;
    // by a listing that may be a little old: the archive's end is not asked for again and again
    const objects = await source.index.find(name, { freshMs: staleMs, signal });
    return objects.length > 0 && this.#bring(name);
  }

  async #lookAhead(name: string, bring: () => Promise<boolean>): Promise<void> {
    const { clock, log, signal } = this.#options;
    this.#ahead.add(name);
    const isThere = await bring().catch((fault: unknown) => {
      // PostgreSQL will ask for it in its turn, and whoever waits then is told
      if (!signal.aborted) log.debug({ name, fault: String(fault) }, "WAL could not be fetched ahead");
      return false;
    });
    this.#ahead.delete(name);
    if (isThere) this.#pump();
    else this.#restUntilMs = clock.now().getTime() + staleMs;
  }
}

/** Names of segments that lie in the spool's `ready/`. */
export async function readySegments(spool: Spool): Promise<string[]> {
  return (await readdir(inSpool(spool, "ready"))).filter((name) => walKind(name) === "segment").toSorted();
}
