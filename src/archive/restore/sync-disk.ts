import { execFile } from "node:child_process";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DrawbridgeError } from "../../errors.ts";
import { isNotThere } from "../host/if-there.ts";

/**
 * One sync of each file system that holds one of the paths: cheaper than one for each of a million files. Where there is no
 * program `sync` that does this (coreutils' `-f`), every file below the paths is synced by itself.
 * @throws DrawbridgeError `DB_UNEXPECTED` (paused) when the disk did not take something: the kernel tells that once only, so
 * nothing that was written before may be believed to be there; the signal's reason when stopped.
 */
export async function syncFileSystems(paths: readonly string[], signal?: AbortSignal): Promise<void> {
  const byDevice = new Map<number, string>();
  for (const path of paths) byDevice.set((await stat(path)).dev, path);
  for (const path of byDevice.values()) {
    try {
      await promisify(execFile)("sync", ["-f", path], { signal });
    } catch (cause) {
      signal?.throwIfAborted();
      if (!isUnsupported(cause)) throw notTaken(path, cause);
      await syncEach(paths, signal);
      return;
    }
  }
}

/** There is no such program, or it does not know the option. */
function isUnsupported(cause: unknown): boolean {
  if (isNotThere(cause)) return true;
  return /(?:invalid|unrecognized|illegal|unknown) option/i.test(saidBy(cause));
}

/** What a program that failed wrote to standard error. */
function saidBy(cause: unknown): string {
  return cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
}

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
  const words = saidBy(cause) || String(cause);
  return new DrawbridgeError("DB_UNEXPECTED", `${path}: the disk did not take what was written: ${words}`, {
    cause,
    outcome: "paused",
  });
}

/** How a {@link BackgroundSync} works. */
export interface BackgroundSyncOptions {
  readonly paths: readonly string[];
  /** Begins another sync when so many bytes have been written since the last one began. */
  readonly everyBytes: number;
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
export class BackgroundSync {
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

  /** Waits for the one that runs, and syncs all that is left. @throws DrawbridgeError as {@link syncFileSystems}. */
  async finish(): Promise<void> {
    await this.#running;
    if (!this.#fault) await this.#syncWhatIsThere();
    this.throwIfLost();
  }

  async #syncWhatIsThere(): Promise<void> {
    const { paths, onSynced, onLost, signal } = this.#options;
    const keys = this.#keys;
    this.#keys = [];
    this.#bytes = 0;
    try {
      await syncFileSystems(paths, signal);
      await onSynced(keys);
    } catch (cause) {
      this.#fault = cause instanceof Error ? cause : new Error(String(cause));
      // the journal may lie on the same broken disk: the fault is thrown all the same
      if (signal?.aborted !== true) await onLost().catch(() => undefined);
    }
  }
}
