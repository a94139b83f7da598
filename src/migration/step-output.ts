import { DrawbridgeError } from "../errors.ts";
import type { JsonObject } from "../journal/json.ts";

/**
 * A text out of a step's recorded output or memory.
 * @throws DrawbridgeError `DB_JOURNAL_CONFLICT` when it is not there: the journal was written by another version.
 */
export function textIn(facts: JsonObject, key: string): string {
  const value = facts[key];
  if (typeof value === "string" && value !== "") return value;
  throw new DrawbridgeError("DB_JOURNAL_CONFLICT", `the journal holds no text ${key} where one was recorded`);
}
