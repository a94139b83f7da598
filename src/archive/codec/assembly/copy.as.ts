// AssemblyScript. Copies that may read and write up to 32 bytes behind what they are asked for; see codec.as.ts.

/** For each distance 1..15: `i % distance` for i = 0..15, the shuffle that repeats a short pattern over 16 bytes. */
const pattern: usize = memory.data(256, 16);
/** For each distance 1..15: the greatest multiple of it that is at most 16. */
const stride: usize = memory.data(16, 16);

/** Fills the two tables; runs when the module starts. */
export function prepareTables(): void {
  for (let distance: usize = 1; distance < 16; distance++) {
    for (let i: usize = 0; i < 16; i++) store<u8>(pattern + distance * 16 + i, <u8>(i % distance));
    store<u8>(stride + distance, <u8>(16 - (16 % distance)));
  }
}

/** Copies `length` bytes that do not overlap, e.g. literals. */
export function copyApart(to: usize, from: usize, length: usize): void {
  if (length > 128) {
    memory.copy(to, from, length);
    return;
  }
  const end = to + length;
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
}

/** Writes `length` bytes at `to`, each the one that stands `distance` before it, from left to right. */
export function copyMatch(to: usize, distance: usize, length: usize): void {
  const end = to + length;
  if (distance >= 16) {
    let from = to - distance;
    if (length > 256 && distance >= length) {
      memory.copy(to, from, length);
      return;
    }
    do {
      v128.store(to, v128.load(from));
      to += 16;
      from += 16;
    } while (to < end);
    return;
  }
  const repeated = v128.swizzle(v128.load(to - distance), v128.load(pattern + (distance << 4)));
  const step = <usize>load<u8>(stride + distance);
  do {
    v128.store(to, repeated);
    to += step;
  } while (to < end);
}
