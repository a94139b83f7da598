import { DrawbridgeError } from "../../errors.ts";

/** `DB_ARCHIVE_INVALID` that names the object. */
export function damage(what: string, words: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `${what}: ${words}`, cause === undefined ? {} : { cause });
}
