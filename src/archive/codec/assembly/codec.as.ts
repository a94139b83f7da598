// AssemblyScript (0.28.20), compiled to ../codec.wasm by bin/build-codec.mjs. What wasm.ts calls.
//
// The caller lays an input area and an output area into the memory behind `areas`. Whoever decodes may read up to 64 bytes
// behind the input and write up to 64 bytes behind the announced output: the areas have so much room at their ends.
import { prepareTables } from "./copy.as";

export { adler32 } from "./adler32.as";
export { lz4Decode, lz4End, lz4Start } from "./lz4.as";
export { lzo1xDecode } from "./lzo1x.as";
export { xxh32, xxh32Add, xxh32Result, xxh32Start } from "./xxh32.as";

/** Where the caller's areas may begin. */
export function areas(): usize {
  return (__heap_base + 63) & ~63;
}

prepareTables();
