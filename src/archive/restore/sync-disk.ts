import { stat } from "node:fs/promises";
import { execa } from "execa";

/** One sync of each file system that holds one of the paths: cheaper than one for each of a million files. */
export async function syncFileSystems(paths: readonly string[], signal?: AbortSignal): Promise<void> {
  const byDevice = new Map<number, string>();
  for (const path of paths) byDevice.set((await stat(path)).dev, path);
  for (const path of byDevice.values()) await execa("sync", ["-f", path], signal ? { cancelSignal: signal } : {});
}

/** How a {@link BackgroundSync} works. */
export interface BackgroundSyncOptions {
  readonly paths: readonly string[];
  /** Begins another sync when so many bytes have been written since the last one began. */
  readonly everyBytes: number;
  /** Told of what was complete when a sync began and is on the disk now. */
  readonly onSynced: (keys: readonly string[]) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes to the disk what the kernel would hold back, while the restore goes on: the sync at the end then has little left,
 * and finished parts survive a power loss. A failed one is no fault: the last sync is what counts.
 */
export class BackgroundSync {
  readonly #options: BackgroundSyncOptions;
  #bytes = 0;
  #keys: string[] = [];
  #running: Promise<void> | undefined;

  constructor(options: BackgroundSyncOptions) {
    this.#options = options;
  }

  /** More was written. */
  wrote(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#options.everyBytes || this.#running) return;
    this.#running = this.#sync().finally(() => (this.#running = undefined));
  }

  /** A part is complete. */
  completed(key: string): void {
    this.#keys.push(key);
  }

  /** Waits for the one that runs. */
  async settle(): Promise<void> {
    await this.#running;
  }

  async #sync(): Promise<void> {
    const { paths, onSynced, signal } = this.#options;
    const keys = this.#keys;
    this.#keys = [];
    this.#bytes = 0;
    try {
      await syncFileSystems(paths, signal);
      await onSynced(keys);
    } catch {
      this.#keys.unshift(...keys);
    }
  }
}
