// AssemblyScript. Adler-32 (RFC 1950) over 32 bytes at a time.

const base: u64 = 65521;
/** Rows of 32 bytes per fold: 64 keeps every 16-bit lane below 64 * 4 * 255 = 65,280. */
const rows: usize = 64;

/** The sum of the four lanes. */
function sumOfLanes(v: v128): u64 {
  return (
    <u64>i32x4.extract_lane(v, 0) +
    <u64>i32x4.extract_lane(v, 1) +
    <u64>i32x4.extract_lane(v, 2) +
    <u64>i32x4.extract_lane(v, 3)
  );
}

/** Goes on from `start` (1 at the beginning) over `length` bytes. */
export function adler32(start: u32, ptr: usize, length: usize): u32 {
  let a: u64 = start & 0xffff;
  let b: u64 = start >> 16;
  const end = ptr + length;
  while (end - ptr >= rows * 32) {
    let pairs = i16x8.splat(0); // sums of neighbours over all rows so far
    let before = i32x4.splat(0); // sums of `pairs` as it was before each row: how often each byte counts again in b
    let column0 = i16x8.splat(0);
    let column1 = i16x8.splat(0);
    let column2 = i16x8.splat(0);
    let column3 = i16x8.splat(0);
    const stop = ptr + rows * 32;
    do {
      const low = v128.load(ptr);
      const high = v128.load(ptr, 16);
      before = i32x4.add(before, i32x4.extadd_pairwise_i16x8_u(pairs));
      pairs = i16x8.add(pairs, i16x8.add(i16x8.extadd_pairwise_i8x16_u(low), i16x8.extadd_pairwise_i8x16_u(high)));
      column0 = i16x8.add(column0, i16x8.extend_low_i8x16_u(low));
      column1 = i16x8.add(column1, i16x8.extend_high_i8x16_u(low));
      column2 = i16x8.add(column2, i16x8.extend_low_i8x16_u(high));
      column3 = i16x8.add(column3, i16x8.extend_high_i8x16_u(high));
      ptr += 32;
    } while (ptr < stop);
    // the byte in column c of a row counts 32 - c times within its row; each column's sum is at most 64 * 255 < 2^15
    let weighted = i32x4.dot_i16x8_s(column0, i16x8(32, 31, 30, 29, 28, 27, 26, 25));
    weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(column1, i16x8(24, 23, 22, 21, 20, 19, 18, 17)));
    weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(column2, i16x8(16, 15, 14, 13, 12, 11, 10, 9)));
    weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(column3, i16x8(8, 7, 6, 5, 4, 3, 2, 1)));
    b = (b + a * (rows * 32) + sumOfLanes(before) * 32 + sumOfLanes(weighted)) % base;
    a = (a + sumOfLanes(i32x4.extadd_pairwise_i16x8_u(pairs))) % base;
  }
  while (ptr < end) {
    a += <u64>load<u8>(ptr++);
    b += a;
  }
  return ((<u32>(b % base)) << 16) | <u32>(a % base);
}
