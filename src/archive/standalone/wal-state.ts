import { asDrawbridgeError } from "../../errors.ts";
import type { Problem } from "../format/list-parts.ts";
import { timelineOf, type TimelineHistory } from "../format/timeline-history.ts";
import { walKind } from "../format/wal-names.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { WalListing } from "../wal/wal-coverage.ts";
import { isReadable, listWal, walPrefix } from "../wal/wal-index.ts";
import { WalSource } from "../wal/wal-source.ts";

/** Which WAL the archive holds, by names. */
export interface WalNames extends WalListing {
  /** Histories that cannot be read. */
  readonly problems: readonly Problem[];
}

/**
 * Lists the WAL of an archive from segment `first` on, and reads all histories.
 * @throws DrawbridgeError what the store throws.
 */
export async function readWalNames(store: ObjectStore, first: string, signal: AbortSignal): Promise<WalNames> {
  const segments = new Map<string, Date>();
  const histories: TimelineHistory[] = [];
  const problems: Problem[] = [];
  await using source = new WalSource({ store, threads: 1 });
  for await (const { name, objects } of listWal(store, first, signal)) {
    const kind = walKind(name);
    const object = objects.find(isReadable);
    if (kind === "segment" && object) segments.set(name, object.lastModified);
    if (kind !== "history") continue;
    try {
      const history = await source.readHistory(timelineOf(name), { signal });
      if (history) histories.push(history);
    } catch (thrown) {
      problems.push({ object: `${walPrefix}${name}`, reason: damageOf(thrown) });
    }
  }
  return { segments, histories, problems };
}

/** The message of damage. @throws anything else: then nothing is known of the object. */
export function damageOf(thrown: unknown): string {
  const fault = asDrawbridgeError(thrown);
  if (fault.code !== "DB_ARCHIVE_INVALID") throw fault;
  return fault.message;
}
