// AssemblyScript. xxHash-32, written from the public description xxhash_spec.md: one value at once, or going on over pieces.

const prime1: u32 = 2654435761;
const prime2: u32 = 2246822519;
const prime3: u32 = 3266489917;
const prime4: u32 = 668265263;
const prime5: u32 = 374761393;

let lane1: u32 = 0;
let lane2: u32 = 0;
let lane3: u32 = 0;
let lane4: u32 = 0;
let total: u64 = 0;
/** Up to 15 bytes that do not fill a row yet. */
const held: usize = memory.data(16, 16);
let heldLength: usize = 0;

function round(lane: u32, word: u32): u32 {
  return rotl<u32>(lane + word * prime2, 13) * prime1;
}

/** Takes in whole rows of 16 bytes. */
function rows(ptr: usize, end: usize): void {
  let v1 = lane1;
  let v2 = lane2;
  let v3 = lane3;
  let v4 = lane4;
  while (ptr < end) {
    v1 = round(v1, load<u32>(ptr));
    v2 = round(v2, load<u32>(ptr, 4));
    v3 = round(v3, load<u32>(ptr, 8));
    v4 = round(v4, load<u32>(ptr, 12));
    ptr += 16;
  }
  lane1 = v1;
  lane2 = v2;
  lane3 = v3;
  lane4 = v4;
}

/** Forgets all that was taken in; the seed is 0, as LZ4 has it. */
export function xxh32Start(): void {
  lane1 = prime1 + prime2;
  lane2 = prime2;
  lane3 = 0;
  lane4 = 0 - prime1;
  total = 0;
  heldLength = 0;
}

/** Takes in `length` bytes. */
export function xxh32Add(ptr: usize, length: usize): void {
  total += length;
  if (heldLength > 0) {
    const fill = min<usize>(16 - heldLength, length);
    memory.copy(held + heldLength, ptr, fill);
    heldLength += fill;
    ptr += fill;
    length -= fill;
    if (heldLength < 16) return;
    rows(held, held + 16);
    heldLength = 0;
  }
  const whole = length & ~15;
  rows(ptr, ptr + whole);
  heldLength = length - whole;
  memory.copy(held, ptr + whole, heldLength);
}

/** The hash of all that was taken in. */
export function xxh32Result(): u32 {
  let hash: u32 =
    total < 16 ? prime5 : rotl<u32>(lane1, 1) + rotl<u32>(lane2, 7) + rotl<u32>(lane3, 12) + rotl<u32>(lane4, 18);
  hash += <u32>total;
  let ptr = held;
  const end = held + heldLength;
  for (; ptr + 4 <= end; ptr += 4) hash = rotl<u32>(hash + load<u32>(ptr) * prime3, 17) * prime4;
  for (; ptr < end; ptr++) hash = rotl<u32>(hash + <u32>load<u8>(ptr) * prime5, 11) * prime1;
  hash = (hash ^ (hash >> 15)) * prime2;
  hash = (hash ^ (hash >> 13)) * prime3;
  return hash ^ (hash >> 16);
}

/** The hash of `length` bytes, beside and without touching what is being taken in. */
export function xxh32(ptr: usize, length: usize): u32 {
  const kept1 = lane1;
  const kept2 = lane2;
  const kept3 = lane3;
  const kept4 = lane4;
  const keptTotal = total;
  const keptHeld = v128.load(held);
  const keptLength = heldLength;
  xxh32Start();
  xxh32Add(ptr, length);
  const hash = xxh32Result();
  lane1 = kept1;
  lane2 = kept2;
  lane3 = kept3;
  lane4 = kept4;
  total = keptTotal;
  v128.store(held, keptHeld);
  heldLength = keptLength;
  return hash;
}
