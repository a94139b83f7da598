import { DrawbridgeError } from "../../errors.ts";
import { sayMissing } from "../format/missing-wal.ts";
import { forkLsn, isDescendant, timelineOf } from "../format/timeline-history.ts";
import { parseSegmentName, walKind } from "../format/wal-names.ts";
import { listWal } from "./wal-index.ts";
import type { WalSource } from "./wal-source.ts";

/**
 * Proves that the archive ends before `name`, a segment or history file that is not in it: by one listing made now, nothing
 * of this or a newer timeline lies behind it, and no history leads on from here.
 * @returns whether the archive ends; `false` when the file has come in the meantime.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for a hole, naming what lies behind it; what the store throws.
 */
export async function proveEnd(source: WalSource, name: string, signal?: AbortSignal): Promise<boolean> {
  for await (const { name: other } of listWal(source.store, name, signal)) {
    if (other === name) return false;
    if (await leadsOn(source, name, other, signal)) {
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${sayMissing([name])}, but ${other} is in the archive`);
    }
  }
  return true;
}

/** Whether `other`, which comes later in the order of names, shows that WAL goes on where `name` is missing. */
async function leadsOn(source: WalSource, name: string, other: string, signal?: AbortSignal): Promise<boolean> {
  const kind = walKind(other);
  if (walKind(name) === "history") return kind === "segment" || kind === "history";
  const { segmentBytes } = source.known();
  const wanted = timelineOf(name);
  if (kind === "segment") {
    // names of one cluster sort by number within a timeline, and log and segment digits compare the same across them
    return timelineOf(other) === wanted || other.slice(8) >= name.slice(8);
  }
  if (kind !== "history") return false;
  const history = await source.readHistory(timelineOf(other), { signal });
  if (!history || !isDescendant(history, wanted)) return false;
  const fork = forkLsn(history, wanted);
  if (fork === undefined || segmentBytes === undefined) return true;
  return fork / BigInt(segmentBytes) >= parseSegmentName(name, segmentBytes).number;
}
