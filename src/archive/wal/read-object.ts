import { systemClock, type Clock } from "../../clock.ts";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** How often an object is asked for when the way to it breaks; whoever waits longer asks again. */
const tries = 3;

/** How an object is read. */
export interface ReadObjectOptions {
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A whole object in one piece of memory of its own, so that it can go over to another thread. `undefined`: it is gone.
 * @throws DrawbridgeError what the store throws; `DB_CONNECTION` for a body that ends early, after three tries.
 */
export async function readObject(
  store: ObjectStore,
  key: string,
  { clock = systemClock, signal }: ReadObjectOptions = {},
): Promise<ArrayBuffer | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(store, key, signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      const fault = thrown instanceof Error && !(thrown instanceof DrawbridgeError) ? broken(key, thrown) : thrown;
      if (attempt === tries || asDrawbridgeError(fault).outcome !== "retryable") throw fault;
      await clock.sleep(100 * 4 ** (attempt - 1), signal);
    }
  }
}

async function readOnce(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ArrayBuffer | undefined> {
  const found = await store.get(key, { signal });
  if (!found) return undefined;
  const { body, info } = found;
  try {
    const bytes = new Uint8Array(info.sizeBytes);
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (length + chunk.length > bytes.length) throw new Error(`it gave more than its ${bytes.length} bytes`);
      bytes.set(chunk, length);
      length += chunk.length;
    }
    if (length !== bytes.length) throw new Error(`it ended after ${length} of ${bytes.length} bytes`);
    return bytes.buffer;
  } finally {
    body.destroy();
  }
}

function broken(key: string, cause: Error): DrawbridgeError {
  return new DrawbridgeError("DB_CONNECTION", `reading ${key} broke off: ${cause.message}`, { cause });
}
