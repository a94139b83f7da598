/** A value that survives JSON unchanged. bigint travels as decimal text. */
export type Json = string | number | boolean | undefined | readonly Json[] | JsonObject;
/** An object of {@link Json} values. */
export interface JsonObject {
  readonly [key: string]: Json;
}
