import type { Readable } from "node:stream";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { isFilling } from "./object-store.ts";

/**
 * Copies a body into `room` as it comes, and resolves with the number of bytes.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for more than there is room for; `DB_CONNECTION` when the body breaks off.
 */
export async function fillFrom(
  body: Readable,
  room: Uint8Array,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const stop = (): void => {
    reject(asDrawbridgeError(signal?.reason));
    body.destroy();
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (signal?.aborted === true) stop();
    else if (isFilling(body)) body.fillInto(room).then(resolve, (cause: unknown) => reject(brokenOff(key, cause)));
    else collectFrom(body, room, key, { resolve, reject });
    return await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

interface Settled {
  readonly resolve: (length: number) => void;
  readonly reject: (fault: DrawbridgeError) => void;
}

/** Events, not iteration: that would cost a promise for each piece. */
function collectFrom(body: Readable, room: Uint8Array, key: string, { resolve, reject }: Settled): void {
  let length = 0;
  body.on("data", (chunk: Buffer) => {
    if (length + chunk.length > room.length) {
      reject(new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: the store answered with more than was asked for`));
      body.destroy();
      return;
    }
    chunk.copy(room, length);
    length += chunk.length;
  });
  body.once("end", () => resolve(length));
  body.once("error", (cause) => reject(brokenOff(key, cause)));
  body.once("close", () => reject(brokenOff(key, new Error("the connection was closed"))));
}

function brokenOff(key: string, cause: unknown): DrawbridgeError {
  if (cause instanceof DrawbridgeError) return cause;
  return new DrawbridgeError("DB_CONNECTION", `${key}: the body broke off`, { cause });
}
