/** A value that survives JSON unchanged. bigint travels as decimal text. */
export type Json = string | number | boolean | undefined | readonly Json[] | JsonObject;
/** An object of {@link Json} values. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * JSON text for a `jsonb` parameter. Arrays are encoded too: `pg` would send them as PostgreSQL arrays. PostgreSQL keeps
 * neither NUL nor half a surrogate pair; both become U+FFFD, since one odd letter must not lose what was to be stored.
 */
export function encodeJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, entry: unknown) => (typeof entry === "bigint" ? String(entry) : entry));
  return text.replaceAll(
    /(\\\\)|\\u(?:0000|d[89ab][0-9a-f]{2}|d[c-f][0-9a-f]{2})/g,
    (found, escaped?: string) => escaped ?? "\uFFFD",
  );
}
