import type { Readable } from "node:stream";

/** What a store knows of one object. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** The store's opaque version mark, for conditional reads. */
  readonly etag: string;
  readonly lastModified: Date;
}

/** How to read an object. */
export interface ReadOptions {
  /** Inclusive byte range, as in HTTP. `end` absent: to the object's end. */
  readonly range?: { readonly start: number; readonly end?: number };
  /** Fails with `DB_ARCHIVE_INVALID` when the object has changed since. */
  readonly ifMatch?: string;
  /**
   * What a body does when the connection breaks: goes on by itself with the rest (unless told), or fails, for a caller that
   * asks again anyway: such a body may be a {@link FillingBody}.
   */
  readonly whenBroken?: "resume" | "fail";
  readonly signal?: AbortSignal | undefined;
}

/** A body that can copy itself into memory faster than it can be read. */
export interface FillingBody extends Readable {
  /** Copies all that is to come, and resolves with the number of bytes. @throws when it breaks off, or finds no room. */
  fillInto(room: Uint8Array): Promise<number>;
}

/** Whether a body fills memory by itself. */
export function isFilling(body: Readable): body is FillingBody {
  return "fillInto" in body && typeof body.fillInto === "function";
}

/**
 * The little of S3 that an archive needs. Keys are relative to the store's prefix and never start with a slash.
 * Every method throws DrawbridgeError: `DB_ARCHIVE_ACCESS` for refused or expired credentials, `DB_CONNECTION` for the
 * network; a missing object is `undefined`, never an error.
 */
export interface ObjectStore {
  /** All objects whose key starts with `prefix`, in key order, paging as needed. */
  list(prefix: string, options?: { startAfter?: string; signal?: AbortSignal }): AsyncIterable<ObjectInfo>;
  /** Facts of one object, or `undefined` when it does not exist. */
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** The object's bytes, or `undefined` when it does not exist. The caller must read or destroy the body. */
  get(key: string, options?: ReadOptions): Promise<{ info: ObjectInfo; body: Readable } | undefined>;
  /** Stores an object, whole or not at all. */
  put(key: string, body: Buffer | Readable, signal?: AbortSignal): Promise<void>;
  /** Removes an object; removing a missing one is no error. */
  delete(key: string): Promise<void>;
}
