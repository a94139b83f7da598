/**
 * Whether unpacking a part keeps a processor busy for most of the time, as Brotli does; the other formats wait for the network or the
 * disk sooner. Such parts get one thread more than there are processors, and are written past the page cache.
 */
export function isHeavy(key: string): boolean {
  return key.endsWith(".br");
}
