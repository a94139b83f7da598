// LZ4 frames of all kinds, written after lz4_Frame_format.md and lz4_Block_format.md: machines without the program lz4 test
// the decoder against these.

/** Features of a frame; block sizes as the format numbers them: 4 is 64 KiB, 7 is 4 MiB. */
export interface FrameOptions {
  readonly linked?: boolean;
  readonly blockSums?: boolean;
  readonly contentSum?: boolean;
  readonly contentSize?: boolean;
  readonly blockSize?: 4 | 5 | 6 | 7;
  /** Blocks are stored as they are. */
  readonly stored?: boolean;
}

/** One frame with all of `content`. */
export function lz4Frame(content: Buffer, options: FrameOptions = {}): Buffer {
  const { linked = false, blockSums = false, contentSum = true, contentSize = false, blockSize = 4 } = options;
  const bit = (wanted: boolean, value: number): number => (wanted ? value : 0);
  const flags = 0x40 | bit(!linked, 0x20) | bit(blockSums, 0x10) | bit(contentSize, 8) | bit(contentSum, 4);
  const size = Buffer.alloc(contentSize ? 8 : 0);
  if (contentSize) size.writeBigUInt64LE(BigInt(content.length));
  const header = Buffer.concat([Buffer.from([flags, blockSize << 4]), size]);
  const parts = [u32(0x184d2204), header, Buffer.from([(xxh32(header) >>> 8) & 0xff])];
  const step = 1 << (8 + 2 * blockSize);
  for (let at = 0; at < content.length; at += step) {
    const end = Math.min(content.length, at + step);
    const packed = packBlock(content, at, end, linked ? Math.max(0, at - 65_535) : at);
    const isStored = options.stored === true || packed.length >= end - at;
    const block = isStored ? content.subarray(at, end) : packed;
    parts.push(u32(isStored ? block.length + 2 ** 31 : block.length), block);
    if (blockSums) parts.push(u32(xxh32(block)));
  }
  parts.push(u32(0));
  if (contentSum) parts.push(u32(xxh32(content)));
  return Buffer.concat(parts);
}

/** A skippable frame. */
export function skippableFrame(content: Buffer, kind = 0): Buffer {
  return Buffer.concat([u32(0x184d2a50 + kind), u32(content.length), content]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** A greedy compressor: the last place of each four bytes is remembered. Matches reach back to `history`. */
function packBlock(content: Buffer, from: number, end: number, history: number): Buffer {
  const parts: Buffer[] = [];
  const last = new Map<number, number>();
  for (let at = history; at < from; at += 1) if (at + 4 <= content.length) last.set(content.readUInt32LE(at), at);
  let literalsFrom = from;
  for (let at = from; at + 12 < end; at += 1) {
    const word = content.readUInt32LE(at);
    const match = last.get(word);
    last.set(word, at);
    if (match === undefined || at - match > 65_535) continue;
    let length = 4;
    while (at + length < end - 5 && content[at + length] === content[match + length]) length += 1;
    parts.push(sequence(content.subarray(literalsFrom, at), at - match, length));
    at += length - 1;
    literalsFrom = at + 1;
  }
  parts.push(sequence(content.subarray(literalsFrom, end)));
  return Buffer.concat(parts);
}

/** One sequence; without a match it is the last one. */
export function sequence(literals: Uint8Array, distance?: number, length = 4): Buffer {
  const token = (Math.min(15, literals.length) << 4) | Math.min(15, length - 4);
  const head = [token, ...extension(literals.length)];
  const tail = distance === undefined ? [] : [distance & 0xff, distance >> 8, ...extension(length - 4)];
  return Buffer.concat([Buffer.from(head), literals, Buffer.from(tail)]);
}

function extension(length: number): number[] {
  if (length < 15) return [];
  return [...Array.from({ length: Math.floor((length - 15) / 255) }, () => 255), (length - 15) % 255];
}

const primes = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1] as const;

/** xxHash-32 with seed 0, after xxhash_spec.md, slowly. */
export function xxh32(bytes: Buffer): number {
  const [p1, p2, p3, p4, p5] = primes;
  const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
  const lanes = [p1 + p2, p2, 0, -p1].map((lane) => lane | 0);
  const whole = bytes.length - (bytes.length % 16);
  for (let at = 0; at < whole; at += 4) {
    const lane = (at >> 2) & 3;
    lanes[lane] = Math.imul(rotate((lanes[lane] ?? 0) + Math.imul(bytes.readUInt32LE(at), p2), 13), p1);
  }
  let hash = p5 | 0;
  if (whole > 0) hash = [1, 7, 12, 18].reduce((sum, by, lane) => (sum + rotate(lanes[lane] ?? 0, by)) | 0, 0);
  hash = (hash + bytes.length) | 0;
  let at = whole;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(bytes.readUInt32LE(at), p3)) | 0, 17), p4);
  }
  for (; at < bytes.length; at += 1) hash = Math.imul(rotate((hash + Math.imul(bytes[at] ?? 0, p5)) | 0, 11), p1);
  hash = Math.imul(hash ^ (hash >>> 15), p2);
  hash = Math.imul(hash ^ (hash >>> 13), p3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
