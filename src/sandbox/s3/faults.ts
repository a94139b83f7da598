/** What can go wrong on purpose in the S3 stand-in; each by its name. */
export interface S3Faults {
  /** Waits before each answer, and limits each body's speed. */
  readonly slow?: { readonly latencyMs?: number; readonly bytesPerSecond?: number };
  /** This share (0..1) of requests is answered with 503 SlowDown. */
  readonly error503?: { readonly rate: number };
  /** This share (0..1) of GETs loses its connection after `afterBytes` (default: half of the body). */
  readonly reset?: { readonly rate: number; readonly afterBytes?: number };
  /** Objects below `wal_005/` are not to be seen until they are this old: replication lag that never settles. */
  readonly hideNewWal?: { readonly forMs: number };
  /** These access keys count as expired; without a list, all of them. */
  readonly expiredToken?: { readonly keyIds?: readonly string[] };
}

/** A repeatable source of chance in [0, 1): mulberry32 (public domain, Tommy Ettinger). */
export function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
