import type { StoredFacts } from "./rows.ts";

/** A finite number under the first of the keys that has one; numbers may be stored as text (bigint). */
export function numberOf(facts: StoredFacts | null | undefined, ...keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const value = facts?.[key];
    if (value === undefined || value === null || value === "" || typeof value === "boolean") continue;
    const number = Number(value);
    if (Number.isFinite(number)) return number;
  }
  return undefined;
}

/** A text that is not empty, under the first of the keys that has one. */
export function textOf(facts: StoredFacts | null | undefined, ...keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = facts?.[key];
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}

/** A moment stored as ISO text. */
export function dateOf(facts: StoredFacts | null | undefined, key: string): Date | undefined {
  const text = textOf(facts, key);
  const at = text === undefined ? undefined : new Date(text);
  return at === undefined || Number.isNaN(at.getTime()) ? undefined : at;
}

/** The objects of a list; anything else is left out. */
export function listOf(facts: StoredFacts | null | undefined, key: string): StoredFacts[] {
  const value = facts?.[key];
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is StoredFacts => typeof item === "object" && item !== null && !Array.isArray(item));
}
