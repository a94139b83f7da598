import { Readable } from "node:stream";
import { segmentName } from "../../../src/archive/format/wal-names.ts";
import type { ObjectInfo, ObjectStore } from "../../../src/archive/store/object-store.ts";
import { DrawbridgeError } from "../../../src/errors.ts";

/** System identifier of the cluster that {@link makeSegment} plays. */
export const sysid = 7_710_946_750_875_798_065n;
/** Small segments keep tests quick; PostgreSQL allows 1 MiB. */
export const segmentBytes = 2 ** 20;
const pageBytes = 8_192;

/** What a made segment is like. */
export interface SegmentSpec {
  readonly timeline?: number;
  readonly systemIdentifier?: bigint;
  readonly sizeBytes?: number;
  /** Pages before a switch record ends the segment; all unless told. */
  readonly pages?: number;
  /** Zeros follow without a switch record, as in a file that was never written to its end. */
  readonly torn?: boolean;
}

/** A segment as PostgreSQL lays it out: a header on every page, content between, zeros after a switch. */
export function makeSegment(number: number, spec: SegmentSpec = {}): Buffer {
  const { timeline = 1, systemIdentifier = sysid, sizeBytes = segmentBytes, pages = sizeBytes / pageBytes } = spec;
  const bytes = Buffer.alloc(sizeBytes);
  for (let page = 0; page < pages; page += 1) {
    const at = page * pageBytes;
    bytes.fill(7 + (page % 200), at + 40, at + pageBytes);
    bytes.writeUInt16LE(0xd110, at);
    bytes.writeUInt16LE(page === 0 ? 0x2 : 0, at + 2);
    bytes.writeUInt32LE(timeline, at + 4);
    bytes.writeBigUInt64LE(BigInt(number) * BigInt(segmentBytes) + BigInt(at), at + 8);
  }
  bytes.writeBigUInt64LE(systemIdentifier, 24);
  bytes.writeUInt32LE(segmentBytes, 32);
  bytes.writeUInt32LE(pageBytes, 36);
  if (pages < sizeBytes / pageBytes && spec.torn !== true) {
    // the switch record's last 8 bytes: info 0x40, resource manager 0, padding, CRC; then the page's rest is zero
    const record = (pages - 1) * pageBytes + 1_024;
    bytes.fill(0, record, pages * pageBytes);
    bytes.writeUInt32LE(24, record);
    bytes[record + 16] = 0x40;
    bytes.writeUInt32LE(0xdeadbeef, record + 20);
  }
  return bytes;
}

/** Name of segment `number`. */
export function nameOf(number: number, timeline = 1): string {
  return segmentName({ timeline, number: BigInt(number) }, segmentBytes);
}

/** What a store can be told to do wrong. */
export type StoreFault = "503" | "403" | "expired" | "reset" | "short";

/** A store in memory that counts what it is asked, and errs as it is told. */
export interface MemoryStore extends ObjectStore {
  readonly objects: Map<string, Buffer>;
  /** How often each method was called since the last {@link MemoryStore.forgetCounts}. */
  readonly counts: { list: number; get: number; listed: number };
  /** The next `times` gets of keys that contain `key` fail so; `list` for listings. */
  fail(key: string, fault: StoreFault, times?: number): void;
  heal(): void;
  forgetCounts(): void;
}

/** Opens one, with WAL objects (names without `wal_005/`) in it. */
export function memoryStore(wal: Readonly<Record<string, Buffer>> = {}): MemoryStore {
  const objects = new Map(Object.entries(wal).map(([name, bytes]) => [`wal_005/${name}`, bytes]));
  const counts = { list: 0, get: 0, listed: 0 };
  let faults: { key: string; fault: StoreFault; left: number }[] = [];
  const faultFor = (key: string): StoreFault | undefined => {
    const found = faults.find((one) => key.includes(one.key) && one.left > 0);
    if (found) found.left -= 1;
    return found?.fault;
  };
  const infoOf = (key: string, bytes: Buffer): ObjectInfo => {
    return { key, sizeBytes: bytes.length, etag: `"${bytes.length}"`, lastModified: new Date(0) };
  };
  return {
    objects,
    counts,
    fail: (key, fault, times = Infinity) => void faults.push({ key, fault, left: times }),
    heal: () => (faults = []),
    forgetCounts: () => void Object.assign(counts, { list: 0, get: 0, listed: 0 }),
    async *list(prefix, options = {}) {
      counts.list += 1;
      const fault = faultFor("list");
      if (fault !== undefined) throw refused(fault, "list");
      for (const key of [...objects.keys()].toSorted()) {
        if (!key.startsWith(prefix) || (options.startAfter !== undefined && key <= options.startAfter)) continue;
        counts.listed += 1;
        yield infoOf(key, objects.get(key) ?? Buffer.alloc(0));
      }
    },
    head: (key) => {
      const bytes = objects.get(key);
      return Promise.resolve(bytes && infoOf(key, bytes));
    },
    get: (key) => {
      counts.get += 1;
      const bytes = objects.get(key);
      const fault = faultFor(key);
      if (fault !== undefined && fault !== "reset" && fault !== "short") return Promise.reject(refused(fault, key));
      if (!bytes) return Promise.resolve(undefined);
      return Promise.resolve({ info: infoOf(key, bytes), body: bodyOf(bytes, fault) });
    },
    put: async (key, body) => {
      objects.set(key, Buffer.isBuffer(body) ? body : Buffer.concat(await body.toArray()));
    },
    delete: (key) => {
      objects.delete(key);
      return Promise.resolve();
    },
  };
}

function refused(fault: StoreFault, what: string): DrawbridgeError {
  if (fault === "503") return new DrawbridgeError("DB_CONNECTION", `${what}: 503 SlowDown`);
  return new DrawbridgeError("DB_ARCHIVE_ACCESS", `${what}: ${fault === "403" ? "AccessDenied" : "ExpiredToken"}`);
}

function bodyOf(bytes: Buffer, fault: StoreFault | undefined): Readable {
  const half = bytes.subarray(0, bytes.length >> 1);
  if (fault === "short") return Readable.from([half]);
  if (fault !== "reset") return Readable.from([bytes]);
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield half;
    throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  };
  return Readable.from(broken());
}
