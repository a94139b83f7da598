import { DrawbridgeError } from "../../errors.ts";
import { decompress } from "../codec/decompress.ts";
import { readSegmentHeader, segmentHeaderBytes, type SegmentFacts } from "../format/segment-check.ts";
import { walKind } from "../format/wal-names.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { findWal, isReadable, listWal } from "./wal-index.ts";

/** What a segment in the archive says of its cluster: the segment size above all, before anything is restored. */
export async function peekSegment(store: ObjectStore, name: string, signal?: AbortSignal): Promise<SegmentFacts> {
  const [object] = await findWal(store, name, signal);
  const found = object && (await store.get(object.key, { signal }));
  if (object === undefined || !found) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name} is not in the archive`);
  }
  const parts: Buffer[] = [];
  for await (const chunk of decompress(found.body, object.key, signal)) {
    parts.push(chunk);
    if (parts.reduce((sum, part) => sum + part.length, 0) >= segmentHeaderBytes) break;
  }
  return readSegmentHeader(Buffer.concat(parts), name);
}

/** Names of all segments in the archive from `first` on, in a compression that we read. */
export async function listSegments(store: ObjectStore, first: string, signal?: AbortSignal): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { name, objects } of listWal(store, first, signal)) {
    if (walKind(name) === "segment" && objects.some(isReadable)) names.add(name);
  }
  return names;
}
