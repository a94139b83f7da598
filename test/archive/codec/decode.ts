import { createDecoder } from "../../../src/archive/codec/decoder.ts";
import type { Compression } from "../../../src/archive/codec/sniff.ts";
import { leaseCodec } from "../../../src/archive/codec/wasm.ts";

/** No mutated object of these tests may come to more than this; a decoder that goes on is stopped. */
const mostBytes = 64 * 1_048_576;

/** The whole content of `bytes`, pushed in pieces that end at `cuts` (any numbers; those inside count). */
export function decode(compression: Compression, bytes: Uint8Array, cuts: readonly number[] = []): Buffer {
  const got: Buffer[] = [];
  let length = 0;
  const decoder = createDecoder(compression, "the object", (part) => {
    length += part.length;
    if (length > mostBytes) throw new Error("the content never ends");
    got.push(Buffer.from(part));
  });
  const ends = [...cuts.filter((cut) => cut > 0 && cut < bytes.length), bytes.length].toSorted((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    const piece = Buffer.from(bytes.subarray(from, end));
    decoder.push(piece);
    piece.fill(0xee); // a chunk belongs to its owner again
    from = end;
  }
  decoder.end();
  return Buffer.concat(got);
}

/** The content, or the code of the error; anything that is not ours is thrown on. */
export function outcome(compression: Compression, bytes: Uint8Array, cuts?: readonly number[]): Buffer | string {
  try {
    return decode(compression, bytes, cuts);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
    throw cause;
  }
}

const reachBytes = 64;
const canaries = Buffer.alloc(4_096, 0xa5);
/** Never released: nobody else gets this memory. */
const watched = leaseCodec();

/**
 * Runs one of the block decoders on bare bytes and watches its input and what lies around its output.
 * The content, or the negative fault. @throws Error when a byte further than 64 behind the content was written.
 */
export function decodeBlock(kind: "lzo" | "lz4", packed: Uint8Array, length: number): Buffer | number {
  watched.reserve(packed.length, length + reachBytes + canaries.length);
  const { code, inputAt, outputAt } = watched;
  const input = Buffer.from(watched.view(inputAt, packed.length).buffer, inputAt, packed.length);
  const around = [
    Buffer.from(input.buffer, outputAt - reachBytes, reachBytes),
    Buffer.from(input.buffer, outputAt + length + reachBytes, canaries.length),
  ];
  input.set(packed);
  for (const area of around) area.set(canaries.subarray(0, area.length));
  const lz4Block = (): number => {
    code.lz4Start(inputAt, packed.length, outputAt, length, outputAt);
    const result = code.lz4Decode(outputAt + length + 1);
    return result === 1 ? code.lz4End() - outputAt : result;
  };
  const result = kind === "lzo" ? code.lzo1xDecode(inputAt, packed.length, outputAt, length) : lz4Block();
  if (!input.equals(packed) || around.some((area) => !area.equals(canaries.subarray(0, area.length)))) {
    throw new Error("written outside of the output area");
  }
  if (result < 0) return result;
  return Buffer.from(watched.view(outputAt, kind === "lzo" ? length : result));
}
