import { asDrawbridgeError } from "../../errors.ts";
import { decompress } from "../codec/decompress.ts";
import { readSegmentHeader, segmentHeaderBytes, type SegmentFacts } from "../format/segment-check.ts";
import { usualSegmentBytes, walKind } from "../format/wal-names.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { findWal, isReadable, listWal } from "./wal-index.ts";

// What listings and the first bytes of a segment tell; whoever wants the WAL itself asks a WalSource.

/**
 * What a segment in the archive says of its cluster: the segment size above all, before anything is restored. `undefined`: it
 * is not there. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when it is damaged; what the store throws.
 */
export async function peekSegment(
  store: ObjectStore,
  name: string,
  signal?: AbortSignal,
): Promise<SegmentFacts | undefined> {
  const [object] = await findWal(store, name, signal);
  const found = object && (await store.get(object.key, { signal }));
  if (object === undefined || !found) return undefined;
  const parts: Buffer[] = [];
  for await (const chunk of decompress(found.body, object.key, signal)) {
    parts.push(chunk);
    if (parts.reduce((sum, part) => sum + part.length, 0) >= segmentHeaderBytes) break;
  }
  return readSegmentHeader(Buffer.concat(parts), name);
}

/**
 * The size of a cluster's WAL segments, as the first segments of its base backups tell it; the usual one when none can be read.
 * `startSegments`: oldest first, since the WAL of an old backup may be gone already. @throws DrawbridgeError what the store throws.
 */
export async function findSegmentBytes(
  store: ObjectStore,
  startSegments: readonly string[],
  signal?: AbortSignal,
): Promise<number> {
  for (const name of startSegments.toReversed()) {
    try {
      const facts = await peekSegment(store, name, signal);
      if (facts !== undefined) return facts.segmentBytes;
    } catch (cause) {
      const { code, outcome } = asDrawbridgeError(cause);
      // damaged: that only rules this backup out, which whoever chooses one will say
      if (code !== "DB_ARCHIVE_INVALID" || outcome !== "terminal") throw cause;
    }
  }
  return usualSegmentBytes;
}

/** Names of all segments in the archive from `first` on, in a compression that we read. */
export async function listSegments(store: ObjectStore, first: string, signal?: AbortSignal): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { name, objects } of listWal(store, first, signal)) {
    if (walKind(name) === "segment" && objects.some(isReadable)) names.add(name);
  }
  return names;
}
