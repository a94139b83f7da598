/** A value that survives JSON unchanged. bigint travels as decimal text. */
export type Json = string | number | boolean | undefined | readonly Json[] | JsonObject;
/** An object of {@link Json} values. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** JSON text for a `jsonb` parameter. Arrays are encoded too: `pg` would send them as PostgreSQL arrays. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => (typeof entry === "bigint" ? String(entry) : entry));
}
