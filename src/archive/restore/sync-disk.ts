import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import { isNotThere } from "../host/if-there.ts";
import { type SyncName, SyncProgram } from "./sync-program.ts";

/**
 * Syncs the file systems that hold some paths: cheaper than one sync for each of a million files. Where there is no program
 * `sync` that does this (coreutils' `-f`), every file below the paths is synced by itself.
 */
export class DiskSync implements Disposable {
  readonly #paths: readonly string[];
  readonly #start: () => Promise<SyncProgram>;
  #program: SyncProgram;

  private constructor(paths: readonly string[], start: () => Promise<SyncProgram>, program: SyncProgram) {
    this.#paths = paths;
    this.#start = start;
    this.#program = program;
  }

  /** For paths that are there. `verdictPath`: see {@link readVerdict}. @throws Error when a path is not there. */
  static async open(paths: readonly string[], verdictPath: string): Promise<DiskSync> {
    const byDevice = new Map<number, string>();
    for (const path of paths) byDevice.set((await stat(path)).dev, path);
    const start = (): Promise<SyncProgram> => SyncProgram.start([...byDevice.values()], verdictPath);
    return new DiskSync(paths, start, await start());
  }

  /** Gets ready for a sync, and says which one it will be. */
  async prepare(): Promise<SyncName> {
    // somebody ended it while nothing was asked of it: that says nothing of the disk
    if (this.#program.hasEnded) this.#program = await this.#start();
    return this.#program.next;
  }

  /**
   * One sync, after {@link prepare}.
   * @throws DrawbridgeError `DB_UNEXPECTED` (paused) when the disk did not take something: the kernel tells that once only, so
   * nothing that was written before may be believed to be there; the signal's reason when stopped.
   */
  async sync(signal?: AbortSignal): Promise<void> {
    const what = this.#paths.join(", ");
    const { status, said } = await this.#program.ask(signal).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw notTaken(what, cause);
    });
    if (status === 0) return;
    if (status !== notFound && !/(?:invalid|unrecognized|illegal|unknown) option/i.test(said)) {
      throw notTaken(what, new Error(said));
    }
    await syncEach(this.#paths, signal);
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
  }
}

/** What a shell answers for a program that is not there. */
const notFound = 127;

async function syncEach(paths: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  for (const path of paths) {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const within = entries.filter((entry) => entry.isFile() || entry.isDirectory());
    for (const name of [path, ...within.map((entry) => join(entry.parentPath, entry.name))]) {
      signal?.throwIfAborted();
      try {
        await using file = await open(name, "r");
        await file.sync();
      } catch (cause) {
        // renamed while others are written: whoever syncs at the end finds it
        if (!isNotThere(cause)) throw notTaken(name, cause);
      }
    }
  }
}

function notTaken(path: string, cause: unknown): DrawbridgeError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new DrawbridgeError("DB_UNEXPECTED", `${path}: the disk did not take what was written: ${words}`, {
    cause,
    outcome: "paused",
  });
}

/** How a {@link BackgroundSync} works. */
export interface BackgroundSyncOptions {
  readonly disk: DiskSync;
  /** Begins another sync when so many bytes have been written since the last one began. */
  readonly everyBytes: number;
  /** Told before each sync which one it is: should we not live to hear its verdict, whoever goes on has to look for it. */
  readonly onSyncing: (sync: SyncName) => Promise<void>;
  /** Told of what was complete when a sync began and is on the disk now. */
  readonly onSynced: (keys: readonly string[]) => Promise<void>;
  /** A sync failed: of what was not told to be on the disk before, nothing may be believed to be there. */
  readonly onLost: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes to the disk what the kernel would hold back, while the restore goes on: the sync at the end then has little left,
 * and finished parts survive a power loss. A failure ends the restore: a later sync would succeed and hide it.
 */
export class BackgroundSync implements AsyncDisposable {
  readonly #options: BackgroundSyncOptions;
  #bytes = 0;
  #keys: string[] = [];
  #running: Promise<void> | undefined;
  #fault: Error | undefined;

  constructor(options: BackgroundSyncOptions) {
    this.#options = options;
  }

  /** More was written. */
  wrote(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#options.everyBytes || this.#running || this.#fault) return;
    this.#running = this.#syncWhatIsThere().finally(() => (this.#running = undefined));
  }

  /** A part is complete. */
  completed(key: string): void {
    this.#keys.push(key);
  }

  /** @throws the failure of a sync, if one failed. */
  throwIfLost(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Waits for the one that runs, and syncs all that is left. @throws DrawbridgeError as {@link DiskSync.sync}. */
  async finish(): Promise<void> {
    await this.#running;
    if (!this.#fault) await this.#syncWhatIsThere();
    this.throwIfLost();
  }

  /** Whatever ends the restore: a sync that is under way may have been told what nobody will be told again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
  }

  async #syncWhatIsThere(): Promise<void> {
    const { disk, onSyncing, onSynced, onLost, signal } = this.#options;
    const keys = this.#keys;
    this.#keys = [];
    this.#bytes = 0;
    try {
      await onSyncing(await disk.prepare());
      await disk.sync(signal);
      await onSynced(keys);
    } catch (cause) {
      this.#fault = cause instanceof Error ? cause : new Error(String(cause));
      // the journal may lie on the same broken disk: the fault is thrown all the same. When stopped the verdict is still to come
      if (signal?.aborted !== true) await onLost().catch(() => undefined);
    }
  }
}
