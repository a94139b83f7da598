// AssemblyScript. What a decoder gives back instead of a length; wasm.ts has the words.

/** The compressed bytes end within an instruction. */
export const inputShort: i32 = -1;
/** The content is longer than announced. */
export const outputFull: i32 = -2;
/** A match starts before the first byte of the content. */
export const behindStart: i32 = -3;
/** The content ends before the compressed bytes do. */
export const inputLeft: i32 = -4;
/** The content is shorter than announced. */
export const outputShort: i32 = -5;
