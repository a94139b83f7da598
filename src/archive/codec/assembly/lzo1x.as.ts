// AssemblyScript. LZO1X blocks, written from the description of the byte codes in archive-formats.md, section 1.7.
import { copyApart, copyMatch } from "./copy.as";
import { behindStart, inputShort, inputLeft, outputFull, outputShort } from "./faults.as";

/** The sum of a run of zero bytes (255 each) and the byte that ends it; more than `limit` when it is longer than that. */
let extended: usize = 0;
/** Reads such a run into `extended` and gives the place behind it. */
function readExtended(ip: usize, end: usize, limit: usize): usize {
  let sum: usize = 0;
  while (ip < end && load<u8>(ip) == 0) {
    sum += 255;
    ip++;
    if (sum > limit) break; // so that no count of zeros overflows
  }
  extended = sum + <usize>load<u8>(ip);
  return ip + 1;
}

/**
 * Decodes one block of exactly `dstLength` bytes. 0, or a fault of faults.as.ts.
 * `state` is how many literals were copied last: 0 to 3, or 4 for a run of its own.
 */
export function lzo1xDecode(src: usize, srcLength: usize, dst: usize, dstLength: usize): i32 {
  const srcEnd = src + srcLength;
  const dstEnd = dst + dstLength;
  let ip = src;
  let op = dst;
  let state: u32 = 0;
  const first = <usize>load<u8>(ip);
  if (first > 17) {
    ip++;
    const run = first - 17;
    if (ip + run > srcEnd) return inputShort;
    if (op + run > dstEnd) return outputFull;
    copyApart(op, ip, run);
    ip += run;
    op += run;
    state = run < 4 ? <u32>run : 4;
  }
  while (true) {
    // A byte code has at most 3 bytes besides its extension: they may be read behind the end, and are judged afterwards.
    if (ip >= srcEnd) return inputShort;
    const code = <usize>load<u8>(ip++);
    let length: usize;
    let distance: usize;
    let trailing: usize;
    if (code >= 64) {
      length = (code >> 5) + 1;
      distance = ((code >> 2) & 7) + ((<usize>load<u8>(ip++)) << 3) + 1;
      trailing = code & 3;
    } else if (code >= 32) {
      length = code & 31;
      if (length == 0) {
        ip = readExtended(ip, srcEnd, dstLength);
        length = extended + 31;
      }
      length += 2;
      const word = <usize>load<u16>(ip);
      ip += 2;
      distance = (word >> 2) + 1;
      trailing = word & 3;
    } else if (code >= 16) {
      length = code & 7;
      if (length == 0) {
        ip = readExtended(ip, srcEnd, dstLength);
        length = extended + 7;
      }
      length += 2;
      const word = <usize>load<u16>(ip);
      ip += 2;
      distance = ((code & 8) << 11) + (word >> 2);
      if (distance == 0) {
        if (ip > srcEnd) return inputShort;
        if (ip < srcEnd) return inputLeft;
        return op == dstEnd ? 0 : outputShort;
      }
      distance += 16384;
      trailing = word & 3;
    } else if (state == 0) {
      length = code;
      if (length == 0) {
        ip = readExtended(ip, srcEnd, dstLength);
        length = extended + 15;
      }
      length += 3;
      if (length > dstEnd - op) return outputFull;
      if (ip + length > srcEnd) return inputShort;
      copyApart(op, ip, length);
      ip += length;
      op += length;
      state = 4;
      continue;
    } else {
      distance = (code >> 2) + ((<usize>load<u8>(ip++)) << 2) + 1;
      length = 2;
      if (state == 4) {
        distance += 2048;
        length = 3;
      }
      trailing = code & 3;
    }
    if (distance > op - dst) return behindStart;
    if (length + trailing > dstEnd - op) return outputFull;
    if (ip + trailing > srcEnd) return inputShort;
    copyMatch(op, distance, length);
    op += length;
    store<u32>(op, load<u32>(ip)); // 0 to 3 of these 4 bytes count
    op += trailing;
    ip += trailing;
    state = <u32>trailing;
  }
}
