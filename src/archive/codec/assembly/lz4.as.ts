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

// The block at hand: what is left of it, and where its content goes.
let input: usize = 0;
let inputEnd: usize = 0;
let output: usize = 0;
let outputEnd: usize = 0;
let oldest: usize = 0;

/** Takes up a block of at most `dstLimit` bytes of content. Matches may reach back to `history`, which is at most `dst`. */
export function lz4Start(src: usize, srcLength: usize, dst: usize, dstLimit: usize, history: usize): void {
  input = src;
  inputEnd = src + srcLength;
  output = dst;
  outputEnd = dst + dstLimit;
  oldest = history;
}

/** Where the content of the block at hand ends so far. */
export function lz4End(): usize {
  return output;
}

/**
 * Decodes until at least `until` is reached or the block is over: 1 when it is over, 0 when there is more, or a fault of
 * faults.as.ts. A block of 4 MiB in one go would be out of the processor's cache before anybody looks at it.
 */
export function lz4Decode(until: usize): i32 {
  let ip = input;
  let op = output;
  while (op < until) {
    if (ip >= inputEnd) return inputShort; // a block ends behind literals, which may be none
    const token = <usize>load<u8>(ip++);
    let literals = token >> 4;
    if (literals == 15) {
      ip = readExtended(ip, inputEnd, outputEnd - oldest);
      literals = extended;
    }
    if (literals > outputEnd - op) return outputFull;
    if (ip + literals > inputEnd) return inputShort;
    copyApart(op, ip, literals);
    ip += literals;
    op += literals;
    if (ip == inputEnd) {
      output = op;
      return 1;
    }
    const distance = <usize>load<u16>(ip);
    ip += 2;
    let length = token & 15;
    if (length == 15) {
      ip = readExtended(ip, inputEnd, outputEnd - oldest);
      length = extended;
    }
    length += 4;
    if (ip > inputEnd) return inputShort;
    if (distance == 0 || distance > op - oldest) return behindStart;
    if (length > outputEnd - op) return outputFull;
    copyMatch(op, distance, length);
    op += length;
  }
  input = ip;
  output = op;
  return 0;
}
