import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { DrawbridgeError } from "../../errors.ts";
import { compressedExtensions, decompress } from "../codec/decompress.ts";
import {
  checkHistory,
  checkSegment,
  readSegmentHeader,
  segmentHeaderBytes,
  type SegmentExpectation,
  type SegmentFacts,
} from "../format/segment-check.ts";
import { walKind } from "../format/wal-names.ts";
import type { Owner } from "../restore/extract.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** Where WAL lies under an archive's prefix. */
export const walPrefix = "wal_005/";

/** Which file to fetch, and what it has to fit. */
export interface FetchWalOptions extends SegmentExpectation {
  readonly store: ObjectStore;
  /** Segment, history or other file, as PostgreSQL names it (`%f`). */
  readonly name: string;
  /** Gets its name only when the content is whole and proven. */
  readonly dest: string;
  readonly owner?: Owner | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches one file of the WAL archive. `missing` only when the store has proven that it is not there.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for content that PostgreSQL must not see; what the store throws.
 */
export async function fetchWal(options: FetchWalOptions): Promise<"found" | "missing"> {
  const { store, name, dest, signal } = options;
  const key = await findWal(store, name, signal);
  const found = key === undefined ? undefined : await store.get(key, { signal });
  if (key === undefined || !found) return "missing";
  const half = `${dest}.${randomUUID()}.half`;
  try {
    const written = await writeContent(decompress(found.body, key, signal), half, options.owner);
    if (walKind(name) === "segment") checkSegment(written.head, written.sizeBytes, name, options);
    if (walKind(name) === "history") checkHistory(await readFile(half, "utf8"), name);
    await rename(half, dest);
  } catch (cause) {
    await rm(half, { force: true });
    throw cause;
  }
  return "found";
}

/** Key of a WAL file whatever its compression; `undefined` when it is not there. A listing tells missing from forbidden. */
export async function findWal(store: ObjectStore, name: string, signal?: AbortSignal): Promise<string | undefined> {
  const wanted = new Set([name, ...compressedExtensions.map((extension) => `${name}.${extension}`)]);
  for await (const object of store.list(walPrefix + name, signal ? { signal } : {})) {
    if (wanted.has(object.key.slice(walPrefix.length))) return object.key;
  }
  return undefined;
}

/** What a segment in the archive says of its cluster: the segment size above all, before anything is restored. */
export async function peekSegment(store: ObjectStore, name: string, signal?: AbortSignal): Promise<SegmentFacts> {
  const key = await findWal(store, name, signal);
  const found = key === undefined ? undefined : await store.get(key, { signal });
  if (key === undefined || !found)
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name} is not in the archive`);
  const parts: Buffer[] = [];
  for await (const chunk of decompress(found.body, key, signal)) {
    parts.push(chunk);
    if (parts.reduce((sum, part) => sum + part.length, 0) >= segmentHeaderBytes) break;
  }
  return readSegmentHeader(Buffer.concat(parts), name);
}

/** Names of all WAL segments in the archive from `first` on (as text, so on its timeline and later ones). */
export async function listSegments(store: ObjectStore, first: string, signal?: AbortSignal): Promise<Set<string>> {
  const names = new Set<string>();
  // one before the first in key order, so that the first itself is listed
  const startAfter = walPrefix + first.slice(0, -1) + String.fromCharCode(first.charCodeAt(first.length - 1) - 1);
  for await (const object of store.list(walPrefix, { startAfter, ...(signal ? { signal } : {}) })) {
    const [name = "", extension, more] = object.key.slice(walPrefix.length).split(".");
    const isWhole = extension === undefined || compressedExtensions.includes(extension);
    if (walKind(name) === "segment" && isWhole && more === undefined) names.add(name);
  }
  return names;
}

async function writeContent(
  content: AsyncIterable<Buffer>,
  path: string,
  owner: Owner | undefined,
): Promise<{ head: Buffer; sizeBytes: number }> {
  let head: Buffer = Buffer.alloc(0);
  let sizeBytes = 0;
  await using file = await open(path, "wx", 0o600);
  if (owner) await file.chown(owner.uid, owner.gid);
  for await (const chunk of content) {
    if (head.length < segmentHeaderBytes) head = Buffer.concat([head, chunk.subarray(0, segmentHeaderBytes)]);
    await file.write(chunk);
    sizeBytes += chunk.length;
  }
  await file.datasync();
  return { head, sizeBytes };
}
