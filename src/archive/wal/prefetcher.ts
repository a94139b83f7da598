import { open, readdir, rm } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { parseHistory, timelineOf, type TimelineHistory } from "../format/timeline-history.ts";
import { walKind } from "../format/wal-names.ts";
import { HandOver, type HandOverOptions } from "./hand-over.ts";
import { segmentsAfter } from "./plan-segments.ts";
import { inSpool, type Spool } from "./spool.ts";

/** How far ahead and how hard segments are fetched. */
export interface PrefetchOptions extends HandOverOptions {
  /** Bytes of segments that may lie ready or be on their way; 1 GiB unless told, and never less than two segments. */
  readonly budgetBytes?: number | undefined;
  /** Told of each segment as soon as it counts as ready: PostgreSQL may have been quicker than we. */
  readonly onReady: (name: string) => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** Fetches at once. */
const atOnce = 6;

/** How old a listing may be that says that the next segments are not there yet, in milliseconds. */
const staleMs = 2_000;

/** Keeps `ready/` filled with the segments that come next. What is decided between two awaits holds. */
export class Prefetcher {
  readonly #options: PrefetchOptions;
  readonly #handOver: HandOver;
  /** Each with the path that it is taken from. */
  readonly #ready = new Map<string, string>();
  readonly #busy = new Map<string, Promise<boolean>>();
  readonly #ahead = new Set<string>();
  /** Asked for and not taken yet: not to be thrown out for being off the plan. */
  readonly #wanted = new Set<string>();
  readonly #histories = new Map<number, TimelineHistory>();
  /** The segment that PostgreSQL asked for last, unless it has taken another one since. */
  #question: string | undefined;
  #start: string | undefined;
  #last: string | undefined;
  #restUntilMs = 0;

  constructor(options: PrefetchOptions) {
    this.#options = options;
    this.#handOver = new HandOver(options);
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
        await sync(path);
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
    this.#handOver.awaitServer();
    void this.#begin(segment);
  }

  /** Brings a file that PostgreSQL waits for. `false`: the archive does not have it. */
  async want(name: string): Promise<boolean> {
    this.#wanted.add(name);
    // twice in a row, but for the histories that it looks for in between: it could not read what lies in pg_wal
    const recall = name !== this.#question;
    if (walKind(name) === "segment") this.#question = name;
    if (this.#handOver.isPlaced(name, this.#ready.get(name))) this.#ready.set(name, this.#handOver.unplace(name));
    this.#handOver.meetServer();
    this.#handOver.placeReady(this.#ready, this.#wanted);
    return this.#bring(name, recall);
  }

  /** PostgreSQL has taken a segment: the window moves on. */
  taken(name: string): void {
    this.#ready.delete(name);
    this.#handOver.taken(name);
    if (name !== this.#question) this.#question = undefined;
    this.#last = name;
    for (const other of this.#wanted) if (other.slice(8) <= name.slice(8)) this.#wanted.delete(other);
    const plan = new Set(this.#plan());
    for (const [other, path] of this.#ready) {
      if (plan.has(other) || this.#wanted.has(other)) continue;
      this.#ready.delete(other);
      // one that PostgreSQL may have read is its own by now: it needs it again when it starts anew
      const mayBeRead = other.slice(8) <= name.slice(8);
      void this.#handOver.withdraw(other, path, mayBeRead).catch(() => undefined);
    }
    this.#pump();
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
  async #bring(name: string, recall = true): Promise<boolean> {
    if (this.#ready.has(name)) return true;
    const running = this.#busy.get(name);
    if (running) return running;
    const work = this.#fetch(name, recall).finally(() => this.#busy.delete(name));
    this.#busy.set(name, work);
    return work;
  }

  async #fetch(name: string, recall: boolean): Promise<boolean> {
    const found = await this.#handOver.bring(name, { isAwaited: this.#wanted.has(name), recall });
    if (found?.history !== undefined) this.#histories.set(timelineOf(name), parseHistory(found.history, name));
    if (found && walKind(name) === "segment") {
      this.#ready.set(name, found.path);
      this.#handOver.placeReady(this.#ready, this.#wanted);
      this.#options.onReady(name);
    }
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

async function sync(path: string): Promise<void> {
  await using file = await open(path);
  await file.datasync();
}

/** Names of segments that lie in the spool's `ready/`. */
export async function readySegments(spool: Spool): Promise<string[]> {
  return (await readdir(inSpool(spool, "ready"))).filter((name) => walKind(name) === "segment").toSorted();
}
