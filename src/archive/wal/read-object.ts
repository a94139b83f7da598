import { systemClock, type Clock } from "../../clock.ts";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { retrying } from "../host/retrying.ts";
import { fillFrom } from "../store/fill-from.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** How often an object is asked for when the way to it breaks; whoever waits longer asks again. */
const tries = 3;

/** A whole object in memory that threads share. */
export interface HeldObject {
  readonly memory: SharedArrayBuffer;
  /** Bytes of it that are the object. */
  readonly length: number;
}

/** Memory for objects, used again and again: fresh memory for each segment would keep V8's collector busy. */
export class ObjectMemory {
  readonly #free: SharedArrayBuffer[] = [];

  /** A piece of at least `bytes`. */
  lend(bytes: number): SharedArrayBuffer {
    const fits = this.#free.findIndex((memory) => memory.byteLength >= bytes);
    if (fits >= 0) return this.#free.splice(fits, 1)[0] ?? new SharedArrayBuffer(bytes);
    // a smaller piece goes for it, so that there are never more pieces than were in use at once
    this.#free.pop();
    return new SharedArrayBuffer(Math.ceil(bytes / 1_048_576) * 1_048_576);
  }

  /** It may be filled anew. */
  giveBack(memory: SharedArrayBuffer): void {
    this.#free.push(memory);
  }
}

/** How an object is read. */
export interface ReadObjectOptions {
  readonly memory: ObjectMemory;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A whole object in a piece of `memory`, which the caller gives back. `undefined`: it is gone.
 * @throws DrawbridgeError what the store throws; `DB_CONNECTION` for a body that ends early, after three tries.
 */
export async function readObject(
  store: ObjectStore,
  key: string,
  { memory, clock = systemClock, signal }: ReadObjectOptions,
): Promise<HeldObject | undefined> {
  const pauseMs = (fault: unknown, failures: number): number | undefined =>
    failures < tries && asDrawbridgeError(fault).outcome === "retryable" ? 100 * 4 ** (failures - 1) : undefined;
  const read = (): Promise<HeldObject | undefined> =>
    readOnce(store, key, memory, signal).catch((thrown: unknown) => {
      throw thrown instanceof Error && !(thrown instanceof DrawbridgeError) ? broken(key, thrown) : thrown;
    });
  return retrying(read, { pauseMs, clock, signal });
}

async function readOnce(
  store: ObjectStore,
  key: string,
  pool: ObjectMemory,
  signal: AbortSignal | undefined,
): Promise<HeldObject | undefined> {
  const found = await store.get(key, { whenBroken: "fail", signal });
  if (!found) return undefined;
  const { body, info } = found;
  const memory = pool.lend(info.sizeBytes);
  try {
    const length = await fillFrom(body, new Uint8Array(memory, 0, info.sizeBytes), key, signal);
    if (length !== info.sizeBytes) throw new Error(`it ended after ${length} of ${info.sizeBytes} bytes`);
    return { memory, length };
  } catch (fault) {
    pool.giveBack(memory);
    throw fault;
  } finally {
    body.destroy();
  }
}

function broken(key: string, cause: Error): DrawbridgeError {
  return new DrawbridgeError("DB_CONNECTION", `reading ${key} broke off: ${cause.message}`, { cause });
}
