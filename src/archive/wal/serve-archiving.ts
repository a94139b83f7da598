import { readdir, rm } from "node:fs/promises";
import { systemClock, type Clock } from "../../clock.ts";
import { lookWhenChanged } from "./look-when-changed.ts";
import { inSpool, leaveNote, type Spool } from "./spool.ts";

/** How archiving is served. */
export interface ServeArchivingOptions {
  readonly spool: Spool;
  /** Stores the file; resolving means that it is safe. */
  readonly put: (name: string, path: string) => Promise<unknown>;
  readonly onFault: (name: string, fault: unknown) => void;
  readonly onStored?: ((name: string) => void) | undefined;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

/** Stores what `archive-wal.sh` leaves in `outgoing/` until aborted, and tells it through `done/`. */
export async function serveArchiving(options: ServeArchivingOptions): Promise<void> {
  const { spool, signal, clock = systemClock } = options;
  const busy = new Map<string, Promise<void>>();
  const store = async (name: string): Promise<void> => {
    const path = inSpool(spool, "outgoing", name);
    try {
      await options.put(name, path);
      await rm(path, { force: true });
      await leaveNote(inSpool(spool, "done", name), "");
      options.onStored?.(name);
    } catch (fault) {
      if (signal.aborted) return;
      options.onFault(name, fault);
      await clock.sleep(1_000, signal).catch(() => undefined);
    }
  };
  const look = async (): Promise<void> => {
    for (const name of (await readdir(inSpool(spool, "outgoing"))).sort()) {
      if (name.startsWith(".") || busy.has(name)) continue;
      busy.set(
        name,
        store(name).finally(() => busy.delete(name)),
      );
    }
  };
  await lookWhenChanged({ dirs: [inSpool(spool, "outgoing")], look, clock, signal });
  await Promise.allSettled(busy.values());
}
