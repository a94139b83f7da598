import type { Readable } from "node:stream";
import { systemClock, type Clock } from "../../clock.ts";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { collectYoung } from "./collect-young.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";

/** Bytes of one request. S3 gives one connection 50 to 90 MB/s; several of these at once fill a faster line. */
export const rangeBytes = 4 * 1024 * 1024;

/** How often one range is asked for before the whole gives up. */
const maxTries = 6;
const firstPauseMs = 250;

/** A range of an object, in the first `length` bytes of a buffer from {@link RangeBuffers}. */
export interface FetchedRange {
  readonly buffer: ArrayBuffer;
  readonly length: number;
}

/** Where ranges come from. */
export interface RangeSource {
  readonly store: ObjectStore;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/** First and last byte (inclusive) of the ranges of an object. Pure. */
export function rangesOf(sizeBytes: number): { readonly start: number; readonly end: number }[] {
  return Array.from({ length: Math.ceil(sizeBytes / rangeBytes) }, (_, index) => ({
    start: index * rangeBytes,
    end: Math.min((index + 1) * rangeBytes, sizeBytes) - 1,
  }));
}

/**
 * Reads one range into `buffer`, trying again what time can heal without holding up anyone else.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when the object is no longer the listed one or the answer is not what was
 * asked for; `DB_ARCHIVE_ACCESS`; `DB_CONNECTION` after the last try.
 */
export async function fetchRange(
  source: RangeSource,
  object: ObjectInfo,
  range: { readonly start: number; readonly end: number },
  buffer: ArrayBuffer,
): Promise<FetchedRange> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { buffer, length: await readOnce(source, object, range, buffer) };
    } catch (thrown) {
      const fault = asDrawbridgeError(thrown);
      if (fault.outcome !== "retryable" || tries >= maxTries || source.signal?.aborted === true) throw fault;
      const pauseMs = fault.retryAfterMs ?? firstPauseMs * 2 ** (tries - 1);
      await (source.clock ?? systemClock).sleep(pauseMs, source.signal);
    }
  }
}

async function readOnce(
  { store, signal }: RangeSource,
  object: ObjectInfo,
  range: { readonly start: number; readonly end: number },
  buffer: ArrayBuffer,
): Promise<number> {
  const { key, etag, sizeBytes } = object;
  const wanted = range.end - range.start + 1;
  const found = await store.get(key, { range, ifMatch: etag, whenBroken: "fail", signal });
  if (!found) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} vanished while it was read`);
  try {
    if (found.info.etag !== etag || found.info.sizeBytes !== sizeBytes)
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} has changed since it was listed`);
    const length = await fill(new Uint8Array(buffer, 0, wanted), found.body, key, signal);
    if (length < wanted)
      throw new DrawbridgeError(
        "DB_CONNECTION",
        `${key}: ${length} bytes came instead of ${wanted} from ${range.start}`,
      );
    return length;
  } finally {
    found.body.destroy();
    collectYoung();
  }
}

/** Copies a body into `room` as it comes. Events, not iteration: that would cost a promise for each 64 KiB. */
async function fill(room: Uint8Array, body: Readable, key: string, signal: AbortSignal | undefined): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let length = 0;
  body.on("data", (chunk: Buffer) => {
    if (length + chunk.length > room.length) {
      reject(new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: the store answered with more than was asked for`));
      body.destroy();
      return;
    }
    room.set(chunk, length);
    length += chunk.length;
  });
  body.once("end", () => resolve(length));
  body.once("error", (cause) => reject(brokenOff(key, cause)));
  body.once("close", () => reject(brokenOff(key, new Error("the connection was closed"))));
  const stop = (): void => {
    reject(asDrawbridgeError(signal?.reason));
    body.destroy();
  };
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function brokenOff(key: string, cause: unknown): DrawbridgeError {
  if (cause instanceof DrawbridgeError) return cause;
  return new DrawbridgeError("DB_CONNECTION", `${key}: the body broke off`, { cause });
}

/** The memory that all ranges in flight share: a fixed number of buffers, handed round. */
export class RangeBuffers {
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: ((buffer: ArrayBuffer) => void)[] = [];
  /** How many there are at most. */
  readonly count: number;
  #unmade: number;

  /** `limitBytes` at most are ever held, but one buffer always. */
  constructor(limitBytes: number) {
    this.count = Math.max(1, Math.floor(limitBytes / rangeBytes));
    this.#unmade = this.count;
  }

  /** A buffer of {@link rangeBytes}, as soon as there is one; first come, first served. */
  async take(): Promise<ArrayBuffer> {
    const buffer = this.#free.pop();
    if (buffer) return buffer;
    if (this.#unmade > 0) {
      this.#unmade -= 1;
      return new ArrayBuffer(rangeBytes);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands a buffer back. */
  give(buffer: ArrayBuffer): void {
    const next = this.#waiting.shift();
    if (next) next(buffer);
    else this.#free.push(buffer);
  }
}
