// AssemblyScript. LZ4 blocks, written from the public description lz4_Block_format.md.
import { copyApart, copyMatch } from "./copy.as";
import { behindStart, inputShort, outputFull } from "./faults.as";

/** A length of 15 or more: the sum of a run of bytes up to the first that is not 255. */
let extended: usize = 0;
/** Reads such a run into `extended` and gives the place behind it. */
function readExtended(ip: usize, end: usize, limit: usize): usize {
  let sum: usize = 15;
  let byte: usize = 255;
  while (byte == 255 && ip < end && sum <= limit) {
    byte = <usize>load<u8>(ip++);
    sum += byte;
  }
  extended = byte == 255 ? limit + 1 : sum; // an unfinished run is longer than whatever is left
  return ip;
}

/**
 * Decodes one block of at most `dstLimit` bytes. The count of bytes written, or a fault of faults.as.ts.
 * Matches may reach back to `history`, which is at most `dst`.
 */
export function lz4Decode(src: usize, srcLength: usize, dst: usize, dstLimit: usize, history: usize): i32 {
  const srcEnd = src + srcLength;
  const dstEnd = dst + dstLimit;
  let ip = src;
  let op = dst;
  while (true) {
    if (ip >= srcEnd) return inputShort; // a block ends behind literals, which may be none
    const token = <usize>load<u8>(ip++);
    let literals = token >> 4;
    if (literals == 15) {
      ip = readExtended(ip, srcEnd, dstLimit);
      literals = extended;
    }
    if (literals > dstEnd - op) return outputFull;
    if (ip + literals > srcEnd) return inputShort;
    copyApart(op, ip, literals);
    ip += literals;
    op += literals;
    if (ip == srcEnd) return <i32>(op - dst);
    const distance = <usize>load<u16>(ip);
    ip += 2;
    let length = token & 15;
    if (length == 15) {
      ip = readExtended(ip, srcEnd, dstLimit);
      length = extended;
    }
    length += 4;
    if (ip > srcEnd) return inputShort;
    if (distance == 0 || distance > op - history) return behindStart;
    if (length > dstEnd - op) return outputFull;
    copyMatch(op, distance, length);
    op += length;
  }
}
