import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { ObjectInfo, ObjectStore, ReadOptions } from "../../src/archive/store/object-store.ts";
import { DrawbridgeError } from "../../src/errors.ts";

/** Pages that proxies and S3 send where an object should be. */
export const errorPages = {
  html: Buffer.from("<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"),
  xml: Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>',
  ),
};

/** What an object of the archive can be made to be. Both listings and reads show it so. */
export type ContentFault =
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "flip"; readonly at: number; readonly mask?: number }
  | { readonly kind: "content"; readonly bytes: Buffer }
  | { readonly kind: "missing" };

/** What can happen on the way, to one `get` after the other. */
export type WayFault =
  | { readonly kind: "slow down" | "reset" | "short body" | "denied" | "expired token" | "too long" }
  | { readonly kind: "replaced"; readonly by: Buffer };

/** A store that errs as it is told, by key. */
export interface FaultStore extends ObjectStore {
  /** From now on every object whose key contains `key` is like that. */
  spoil(key: string, fault: ContentFault): void;
  /** The next `times` gets of such objects fail so; all of them unless told. */
  disturb(key: string, fault: WayFault, times?: number): void;
  /** An object more. */
  add(key: string, bytes: Buffer): void;
  /** Ends all faults. */
  heal(): void;
  /** Keys of all gets so far, in order. */
  readonly asked: readonly string[];
  /** How often a way fault happened. */
  readonly happened: ReadonlyMap<WayFault["kind"], number>;
}

/** A store over objects in memory, as S3 behaves: ranges, and etags that follow the content. */
export function objectsStore(objects: Map<string, Buffer>): ObjectStore {
  const infoOf = (key: string, bytes: Buffer): ObjectInfo => ({
    key,
    sizeBytes: bytes.length,
    etag: createHash("md5").update(bytes).digest("hex"),
    lastModified: new Date(1_700_000_000_000),
  });
  return {
    async *list(prefix, { startAfter, signal } = {}) {
      for (const key of [...objects.keys()].toSorted()) {
        signal?.throwIfAborted();
        const bytes = objects.get(key);
        if (!bytes || !key.startsWith(prefix) || (startAfter !== undefined && key <= startAfter)) continue;
        yield infoOf(key, bytes);
      }
    },
    head: async (key) => {
      const bytes = objects.get(key);
      return bytes && infoOf(key, bytes);
    },
    get: async (key, options = {}) => {
      const bytes = objects.get(key);
      if (!bytes) return undefined;
      const info = infoOf(key, bytes);
      if (options.ifMatch !== undefined && options.ifMatch !== info.etag)
        throw new DrawbridgeError("DB_ARCHIVE_INVALID", `get ${key}: the object has changed since it was listed`);
      return { info, body: bodyOf(rangeOf(bytes, options)) };
    },
    put: async (key, body) => {
      objects.set(key, Buffer.isBuffer(body) ? body : Buffer.concat(await body.toArray()));
    },
    delete: async (key) => void objects.delete(key),
  };
}

/** Wraps any store. */
export function faultStore(inner: ObjectStore): FaultStore {
  let spoiled: { key: string; fault: ContentFault }[] = [];
  let disturbed: { key: string; fault: WayFault; left: number }[] = [];
  const added = new Map<string, Buffer>();
  const asked: string[] = [];
  const happened = new Map<WayFault["kind"], number>();
  /** The object as it shows, where it is not as it lies there. */
  const shown = async (key: string): Promise<Buffer | "as it is" | "missing"> => {
    const faults = spoiled.filter((one) => key.includes(one.key)).map(({ fault }) => fault);
    const more = added.get(key);
    if (faults.length === 0) return more ?? "as it is";
    if (faults.some(({ kind }) => kind === "missing")) return "missing";
    const found = more === undefined ? await inner.get(key) : undefined;
    const bytes = more ?? (found && Buffer.concat(await found.body.toArray()));
    return bytes === undefined ? "missing" : faults.reduce(spoil, bytes);
  };
  /** The store as it shows: one object of it, seen through the faults. */
  const seen = async (key: string): Promise<ObjectStore | undefined> => {
    const bytes = await shown(key);
    if (bytes === "missing") return undefined;
    return bytes === "as it is" ? inner : objectsStore(new Map([[key, bytes]]));
  };
  const nextFault = (key: string): WayFault | undefined => {
    const found = disturbed.find((one) => key.includes(one.key) && one.left > 0);
    if (!found) return undefined;
    found.left -= 1;
    happened.set(found.fault.kind, (happened.get(found.fault.kind) ?? 0) + 1);
    return found.fault;
  };
  return {
    asked,
    happened,
    spoil: (key, fault) => void spoiled.push({ key, fault }),
    disturb: (key, fault, times = Infinity) => void disturbed.push({ key, fault, left: times }),
    add: (key, bytes) => void added.set(key, bytes),
    heal: () => {
      spoiled = [];
      disturbed = [];
      added.clear();
    },
    async *list(prefix, options = {}) {
      const all = new Map<string, ObjectInfo | undefined>();
      for await (const info of inner.list(prefix, options)) all.set(info.key, info);
      for (const key of added.keys())
        if (key.startsWith(prefix) && key > (options.startAfter ?? "")) all.set(key, undefined);
      for (const key of [...all.keys()].toSorted()) {
        const store = await seen(key);
        const info = store === inner ? all.get(key) : await store?.head(key);
        if (info) yield info;
      }
    },
    head: async (key, signal) => (await seen(key))?.head(key, signal),
    get: async (key, options) => {
      asked.push(key);
      const fault = nextFault(key);
      const refusal = fault && refusalOf(fault, key);
      if (refusal) throw refusal;
      if (fault?.kind === "replaced") spoiled.push({ key, fault: { kind: "content", bytes: fault.by } });
      const found = await (await seen(key))?.get(key, options);
      return found && (await onTheWay(found, fault));
    },
    put: (key, body, signal) => inner.put(key, body, signal),
    delete: (key) => inner.delete(key),
  };
}

function spoil(bytes: Buffer, fault: ContentFault): Buffer {
  if (fault.kind === "cut") return bytes.subarray(0, fault.at);
  if (fault.kind === "content") return fault.bytes;
  if (fault.kind === "missing") return bytes;
  const flipped = Buffer.from(bytes);
  flipped[fault.at] = (flipped[fault.at] ?? 0) ^ (fault.mask ?? 0xff);
  return flipped;
}

/** As `src/aws/s3-errors.ts` names what S3 answers. */
function refusalOf({ kind }: WayFault, key: string): DrawbridgeError | undefined {
  if (kind === "slow down") return new DrawbridgeError("DB_CONNECTION", `get ${key}: SlowDown`, { retryAfterMs: 5 });
  if (kind === "denied") return new DrawbridgeError("DB_ARCHIVE_ACCESS", `get ${key}: AccessDenied`);
  if (kind === "expired token") return new DrawbridgeError("DB_ARCHIVE_ACCESS", `get ${key}: ExpiredToken`);
  return undefined;
}

type Found = NonNullable<Awaited<ReturnType<ObjectStore["get"]>>>;

async function onTheWay(found: Found, fault: WayFault | undefined): Promise<Found> {
  if (fault === undefined || fault.kind === "replaced") return found;
  const bytes = Buffer.concat(await found.body.toArray());
  if (fault.kind === "too long") return { ...found, body: bodyOf(Buffer.concat([bytes, Buffer.alloc(16)])) };
  const half = bytes.subarray(0, bytes.length >> 1);
  if (fault.kind === "short body") return { ...found, body: bodyOf(half) };
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield half;
    throw new DrawbridgeError("DB_CONNECTION", "read ECONNRESET", { retryAfterMs: 5 });
  };
  return { ...found, body: Readable.from(broken(), { objectMode: false }) };
}

function rangeOf(bytes: Buffer, { range }: ReadOptions): Buffer {
  return range === undefined ? bytes : bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1);
}

function bodyOf(bytes: Buffer): Readable {
  return Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
}
