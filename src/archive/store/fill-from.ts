import type { Readable } from "node:stream";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { collectYoung } from "./collect-young.ts";

/**
 * Copies a body into `room` as it comes, and resolves with the number of bytes. Events, not iteration: that would cost a
 * promise for each 64 KiB.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for more than there is room for; `DB_CONNECTION` when the body breaks off.
 */
export async function fillFrom(
  body: Readable,
  room: Uint8Array,
  key: string,
  signal: AbortSignal | undefined,
): Promise<number> {
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
    collectYoung();
  }
}

function brokenOff(key: string, cause: unknown): DrawbridgeError {
  if (cause instanceof DrawbridgeError) return cause;
  return new DrawbridgeError("DB_CONNECTION", `${key}: the body broke off`, { cause });
}
