import type { Json, JsonObject } from "../journal/json.ts";

/** What Slack itself sends nests about ten deep. */
const deepest = 40;

/** A body that nests too deep. */
export class TooDeep extends Error {
  override readonly name = "TooDeep";
}

/**
 * A parsed body as `jsonb` takes it: no NUL characters, no half surrogate pairs (PostgreSQL refuses both, and a refusal would
 * make Slack send it again for ever), and none of the fields in `without` at the top.
 * @throws TooDeep
 */
export function cleanBody(body: Readonly<Record<string, unknown>>, without: ReadonlySet<string>): JsonObject {
  const kept = Object.entries(body).filter(([key]) => !without.has(key));
  return Object.fromEntries(kept.map(([key, value]) => [cleanText(key), clean(value, 1)]));
}

function clean(value: unknown, depth: number): Json {
  if (depth > deepest) throw new TooDeep("a body that nests too deep");
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((each) => clean(each, depth + 1));
  if (typeof value !== "object" || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [cleanText(key), clean(each, depth + 1)]));
}

/** Text without NUL and with whole surrogate pairs. */
export function cleanText(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}
