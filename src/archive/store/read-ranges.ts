import { systemClock, type Clock } from "../../clock.ts";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { fillFrom } from "./fill-from.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";

/** How often one range is asked for before the whole gives up. */
const maxTries = 6;
const firstPauseMs = 250;

/** Where ranges come from. */
export interface RangeSource {
  readonly store: ObjectStore;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/** First and last byte (inclusive) of the ranges of an object. Pure. */
export function rangesOf(sizeBytes: number, rangeBytes: number): { readonly start: number; readonly end: number }[] {
  return Array.from({ length: Math.ceil(sizeBytes / rangeBytes) }, (_, index) => ({
    start: index * rangeBytes,
    end: Math.min((index + 1) * rangeBytes, sizeBytes) - 1,
  }));
}

/**
 * Reads one range into `memory`, trying again what time can heal without holding up anyone else. Resolves with its length.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when the object is no longer the listed one or the answer is not what was
 * asked for; `DB_ARCHIVE_ACCESS`; `DB_CONNECTION` after the last try.
 */
export async function fetchRange(
  source: RangeSource,
  object: ObjectInfo,
  range: { readonly start: number; readonly end: number },
  memory: SharedArrayBuffer,
): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await readOnce(source, object, range, memory);
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
  memory: SharedArrayBuffer,
): Promise<number> {
  const { key, etag, sizeBytes } = object;
  const wanted = range.end - range.start + 1;
  const found = await store.get(key, { range, ifMatch: etag, whenBroken: "fail", signal });
  if (!found) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} vanished while it was read`);
  try {
    if (found.info.etag !== etag || found.info.sizeBytes !== sizeBytes)
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} has changed since it was listed`);
    const length = await fillFrom(found.body, new Uint8Array(memory, 0, wanted), key, signal);
    if (length < wanted)
      throw new DrawbridgeError(
        "DB_CONNECTION",
        `${key}: ${length} bytes came instead of ${wanted} from ${range.start}`,
      );
    return length;
  } finally {
    found.body.destroy();
  }
}

/**
 * The memory that all ranges in flight share: a fixed number of slots, handed round by number. Threads share it: each
 * ArrayBuffer that is transferred instead counts as new memory with V8, which answers with full collections.
 */
export class RangeSlots {
  readonly memory: readonly SharedArrayBuffer[];
  /** Bytes of one slot, and of one request. */
  readonly rangeBytes: number;
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  /** So much is held at most. Pages that were never filled cost nothing. */
  constructor({ count, rangeBytes }: { readonly count: number; readonly rangeBytes: number }) {
    this.rangeBytes = rangeBytes;
    this.memory = Array.from({ length: count }, () => new SharedArrayBuffer(rangeBytes));
    this.#free = [...this.memory.keys()];
  }

  /** A free slot, as soon as there is one; first come, first served. */
  async take(): Promise<number> {
    const slot = this.#free.pop();
    return slot ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands a slot back. */
  give(slot: number): void {
    const next = this.#waiting.shift();
    if (next) next(slot);
    else this.#free.push(slot);
  }
}
