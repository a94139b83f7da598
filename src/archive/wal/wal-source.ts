import { randomUUID } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock, type Clock } from "../../clock.ts";
import { DrawbridgeError } from "../../errors.ts";
import type { SegmentExpectation } from "../format/segment-check.ts";
import { historyName, parseHistory, type TimelineHistory } from "../format/timeline-history.ts";
import type { Owner } from "../server/owned-file.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import type { Decoded, DecodeJob, NewFile } from "./decode-job.ts";
import { openDecodePool, type DecodePool } from "./decode-pool.ts";
import type { Placement } from "./place-segment.ts";
import { ObjectMemory, readObject } from "./read-object.ts";
import { extensionOf, findWal, isReadable, openWalIndex, type FindOptions, type WalIndex } from "./wal-index.ts";

/** Where WAL comes from, and what it has to fit. */
export interface WalSourceOptions {
  readonly store: ObjectStore;
  /** Asked for each file, since a bridge learns them late. What is absent is learned from the first whole segment. */
  readonly expected?: (() => SegmentExpectation) | undefined;
  /** Whom the files are for, when that is not us. */
  readonly owner?: Owner | undefined;
  /** Threads that decode; 2 unless told. */
  readonly threads?: number | undefined;
  /** Threads shared with others, who end them; then `threads` says nothing. */
  readonly pool?: DecodePool | undefined;
  readonly clock?: Clock | undefined;
}

/** How one file is fetched. */
export interface FetchOptions extends FindOptions {
  /** A directory on the same file system in which segments keep a second name, and are looked for first; always the same for one source. */
  readonly keepDir?: string | undefined;
  /** Whether the file has to outlive a power loss once this resolves. */
  readonly sync?: boolean | undefined;
  /** Whether a segment goes on into `pg_wal`; then its destination has to be in the spool's `placed/`. */
  readonly place?: Placement | undefined;
}

type Job = Omit<DecodeJob, "expected" | "owner">;
type Target = Pick<DecodeJob, "dest" | "sync" | "place"> & { readonly keepDir?: string | undefined };

/**
 * The WAL of one archive. Every method throws what the store throws, and `DB_ARCHIVE_INVALID`, naming the object, for
 * content that PostgreSQL must not see. Disposing ends its own threads.
 */
export class WalSource implements AsyncDisposable {
  readonly store: ObjectStore;
  readonly index: WalIndex;
  readonly #options: WalSourceOptions;
  readonly #clock: Clock;
  readonly #pool: DecodePool;
  readonly #memory = new ObjectMemory();
  #learned: SegmentExpectation = {};
  #lastExtension: string | undefined;
  /** What lies in `keepDir`, once it was looked at. Whoever prunes it need not tell. */
  #kept: Set<string> | undefined;

  constructor(options: WalSourceOptions) {
    this.store = options.store;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pool = options.pool ?? openDecodePool(options.threads ?? 2);
    this.index = openWalIndex(options.store, () => this.#clock.now().getTime());
  }

  /** Makes ready for many files, of which the first will be waited for: threads, and the way to the archive by a listing. */
  warm(signal?: AbortSignal): void {
    this.#pool.warm();
    // any trouble will be seen by whoever asks
    findWal(this.store, historyName(1), signal).catch(() => undefined);
  }

  /** What is known of the cluster so far. */
  known(): SegmentExpectation {
    const told = this.#options.expected?.() ?? {};
    return {
      systemIdentifier: told.systemIdentifier ?? this.#learned.systemIdentifier,
      segmentBytes: told.segmentBytes ?? this.#learned.segmentBytes,
    };
  }

  /**
   * Brings one file to `dest`, which gets its name only when the content is whole and proven. `undefined` only when a
   * listing has proven that it is not there.
   */
  async fetch(name: string, dest: string, options: FetchOptions = {}): Promise<Decoded | undefined> {
    const { keepDir, sync, place } = options;
    const file = newFile(dest);
    const target = { dest: file, keepDir, sync, place };
    try {
      return (await this.#readKept(name, target)) ?? (await this.#readAny(name, target, options));
    } catch (fault) {
      // a thread that died has left it
      await rm(file.half, { force: true });
      throw fault;
    }
  }

  /** Reads and proves one object that holds `name`, and keeps nothing. `undefined`: it is gone. */
  async verify(name: string, object: ObjectInfo, signal?: AbortSignal): Promise<Decoded | undefined> {
    return this.#read(name, object, {}, signal);
  }

  /** Proves a file that lies on disk as PostgreSQL wants it. */
  async verifyFile(name: string, path: string): Promise<Decoded> {
    return this.#decode({ key: name, name, source: path });
  }

  /** The history of `timeline`; `undefined` when the archive has none. */
  async readHistory(timeline: number, options: FindOptions = {}): Promise<TimelineHistory | undefined> {
    const name = historyName(timeline);
    const decoded = await this.#readAny(name, {}, options);
    return decoded?.history === undefined ? undefined : parseHistory(decoded.history, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#options.pool) await this.#pool[Symbol.asyncDispose]();
  }

  /** Asks each object that holds the file, once more after a listing that turned out to be old. */
  async #readAny(name: string, target: Target, options: FindOptions): Promise<Decoded | undefined> {
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const objects = await this.index.find(name, attempt === 1 ? options : { signal: options.signal });
      if (objects.length === 0) return undefined;
      const decoded = await this.#readOneOf(name, objects, target, options.signal);
      if (decoded) return decoded;
      this.index.forget(name);
    }
    return undefined;
  }

  /** The compression that served last comes first; a file that is there twice is good when one of the two is. */
  async #readOneOf(
    name: string,
    objects: readonly ObjectInfo[],
    target: Target,
    signal: AbortSignal | undefined,
  ): Promise<Decoded | undefined> {
    let fault: DrawbridgeError | undefined;
    const usual = objects.filter((object) => extensionOf(object) === this.#lastExtension);
    for (const object of new Set([...usual, ...objects])) {
      try {
        const decoded = await this.#read(name, object, target, signal);
        if (!decoded) continue;
        this.#lastExtension = extensionOf(object);
        return decoded;
      } catch (thrown) {
        // trouble on the way says nothing of the content: only what is damaged sends us to the next one
        if (!(thrown instanceof DrawbridgeError) || thrown.code !== "DB_ARCHIVE_INVALID") throw thrown;
        fault ??= thrown;
      }
    }
    if (fault) throw fault;
    return undefined;
  }

  async #read(
    name: string,
    object: ObjectInfo,
    { dest, sync, place, keepDir }: Target,
    signal: AbortSignal | undefined,
  ): Promise<Decoded | undefined> {
    const { key } = object;
    if (!isReadable(object)) {
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is in a form that Drawbridge does not read`);
    }
    const source = await readObject(this.store, key, { memory: this.#memory, clock: this.#clock, signal });
    if (!source) return undefined;
    const keep = keepDir === undefined ? undefined : join(keepDir, name);
    const decoded = await this.#decode({ key, name, source, dest, sync, place, keep }).finally(() =>
      this.#memory.giveBack(source.memory),
    );
    if (keep !== undefined) this.#kept?.add(name);
    return decoded;
  }

  /** From what was kept, proven anew: it is the server's file as well. What is damaged or pruned there is fetched again. */
  async #readKept(name: string, { keepDir, ...target }: Target): Promise<Decoded | undefined> {
    if (keepDir === undefined) return undefined;
    this.#kept ??= new Set(await readdir(keepDir));
    if (!this.#kept.has(name)) return undefined;
    const kept = join(keepDir, name);
    try {
      return await this.#decode({ key: name, name, source: kept, ...target });
    } catch {
      this.#kept.delete(name);
      await rm(kept, { force: true });
      if (target.dest !== undefined) await rm(target.dest.half, { force: true });
      return undefined;
    }
  }

  async #decode(job: Job): Promise<Decoded> {
    const decoded = await this.#pool.run({ ...job, expected: this.known(), owner: this.#options.owner });
    if (decoded.facts) this.#learned = decoded.facts;
    return decoded;
  }
}

/** Under a name of its own beside it until it is whole. */
function newFile(whole: string): NewFile {
  return { half: join(dirname(whole), `.${randomUUID()}`), whole };
}
