import { readFileSync } from "node:fs";

/** What assembly/codec.as.ts exports. Numbers are addresses and counts of bytes in the memory. */
export interface CodecCode {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  areas(): number;
  adler32(start: number, at: number, length: number): number;
  lzo1xDecode(src: number, srcLength: number, dst: number, dstLength: number): number;
  lz4Start(src: number, srcLength: number, dst: number, dstLimit: number, history: number): void;
  lz4Decode(until: number): number;
  lz4End(): number;
  xxh32(at: number, length: number): number;
  xxh32Start(): void;
  xxh32Add(at: number, length: number): void;
  xxh32Result(): number;
}

/** The part of the WebAssembly API that is used here; the types of Node do not have it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: CodecCode };
  Memory: new (size: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
};

/** How far the decoders may read and write behind what they are told. */
const slackBytes = 64;
const pageBytes = 65_536;
/** A memory never shrinks: one that grew beyond this (for blocks that no usual writer makes) is not used again. */
const keptBytes = 12 * 1_048_576;
const keptCount = 4;

const faultWords: Readonly<Record<number, string>> = {
  [-1]: "the compressed bytes end within an instruction",
  [-2]: "the content is longer than announced",
  [-3]: "it refers to content before its beginning",
  [-4]: "the content ends before the compressed bytes do",
  [-5]: "the content is shorter than announced",
};

/** What a negative result of a decoder means. */
export function faultText(result: number): string {
  return faultWords[result] ?? `fault ${result}`;
}

/** The decoders with a memory of their own: an input area and an output area, of sizes that `reserve` sets. */
export class Codec {
  readonly code: CodecCode;
  /** Where the areas begin. */
  inputAt = 0;
  outputAt = 0;
  #inputBytes = 0;
  #outputBytes = 0;
  #all: Uint8Array;

  constructor(code: CodecCode) {
    this.code = code;
    this.#all = new Uint8Array(code.memory.buffer);
  }

  /** Whether the areas are so large already. */
  holds(inputBytes: number, outputBytes: number): boolean {
    return inputBytes <= this.#inputBytes && outputBytes <= this.#outputBytes;
  }

  /** Bytes that the memory takes. */
  get memoryBytes(): number {
    return this.#all.length;
  }

  /** Makes the areas at least so large. What lies in them is lost when they were smaller. */
  reserve(inputBytes: number, outputBytes: number): void {
    if (this.holds(inputBytes, outputBytes)) return;
    this.#inputBytes = Math.max(inputBytes, this.#inputBytes);
    this.#outputBytes = Math.max(outputBytes, this.#outputBytes);
    this.inputAt = this.code.areas();
    this.outputAt = roundUp(this.inputAt + this.#inputBytes + slackBytes, 64);
    const missing = this.outputAt + this.#outputBytes + slackBytes - this.#all.length;
    if (missing > 0) this.code.memory.grow(Math.ceil(missing / pageBytes));
    this.#all = new Uint8Array(this.code.memory.buffer);
  }

  /** A view, valid until `reserve`. */
  view(at: number, length: number): Uint8Array {
    return this.#all.subarray(at, at + length);
  }

  /** Moves bytes within the memory; the two ranges may overlap. */
  move(to: number, from: number, length: number): void {
    this.#all.copyWithin(to, from, from + length);
  }
}

let compiled: object | undefined;
const idle: Codec[] = [];

/** A codec for one object, which nobody else uses until it is released. The module is compiled once in each thread. */
export function leaseCodec(): Codec {
  const waiting = idle.pop();
  if (waiting !== undefined) return waiting;
  compiled ??= new WebAssembly.Module(readFileSync(new URL("codec.wasm", import.meta.url)));
  return new Codec(new WebAssembly.Instance(compiled).exports);
}

/** Gives a codec back. */
export function releaseCodec(codec: Codec): void {
  if (codec.memoryBytes <= keptBytes && idle.length < keptCount) idle.push(codec);
}

/** Memory that begins with a page of the processor, as direct writes want it; an ordinary buffer begins 16 bytes behind one. */
export function alignedMemory(bytes: number): Uint8Array {
  const pages = Math.ceil(bytes / pageBytes);
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, bytes);
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
