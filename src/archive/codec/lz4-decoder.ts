import { damage } from "./damage.ts";
import type { PushInput, Steps } from "./push-input.ts";
import { type Codec, faultText, leaseCodec, releaseCodec } from "./wasm.ts";

// LZ4 frames as lz4_Frame_format.md (github.com/lz4/lz4) describes them. All numbers are little-endian.

const frameMagic = 0x184d_2204;
const legacyMagic = 0x184c_2102;
const skippableMagic = 0x184d_2a50;

/** How far back a match of a linked block may reach. */
const windowBytes = 65_536;
/** Content that is decoded, hashed and handed on at once: it has to fit into the processor's cache with its surroundings. */
const pieceBytes = 131_072;
/** Pieces end where pages do: those of a relation, of WAL and of the file system are looked at and written whole. */
const pageBytes = 8192;
/** Room for content behind the window, unless a block alone is larger. */
const roomBytes = 1_048_576;

type Sink = (bytes: Uint8Array) => void;

interface Frame {
  readonly linked: boolean;
  readonly blockSums: boolean;
  readonly contentSum: boolean;
  readonly contentBytes: bigint | undefined;
  readonly greatestBlock: number;
}

/** Decodes one object: frames and skippable frames one after another, at least one frame, and nothing else. */
export function* lz4Steps(input: PushInput, what: string, sink: Sink): Steps<void> {
  const codec = leaseCodec();
  try {
    const reader = new FrameReader(codec, input, what, sink);
    let frames = 0;
    while (frames === 0 || (yield* input.more())) frames += yield* reader.read(frames === 0);
  } finally {
    releaseCodec(codec);
  }
}

class FrameReader {
  readonly #codec: Codec;
  readonly #input: PushInput;
  readonly #what: string;
  readonly #sink: Sink;
  /** The frame's content in the output area: the sink has seen what lies before `seen`; matches reach back to `oldest`. */
  #oldest = 0;
  #seen = 0;
  #end = 0;
  /** Content of the frame so far, in bytes. */
  #content = 0n;

  constructor(codec: Codec, input: PushInput, what: string, sink: Sink) {
    this.#codec = codec;
    this.#input = input;
    this.#what = what;
    this.#sink = sink;
  }

  /** Reads one frame; 1 when it had content, 0 when it was one to skip. */
  *read(first: boolean): Steps<number> {
    const magic = (yield* this.#input.take(4)).readUInt32LE();
    if ((magic & 0xffff_fff0) >>> 0 === skippableMagic) {
      yield* this.#input.skip((yield* this.#input.take(4)).readUInt32LE());
      return 0;
    }
    if (magic === legacyMagic) throw damage(this.#what, "it is in LZ4's legacy format, which no archive tool writes");
    if (magic !== frameMagic) throw first ? damage(this.#what, "it is not an LZ4 frame") : this.#input.garbage();
    const frame = yield* this.#header();
    this.#start(frame);
    while (yield* this.#block(frame));
    this.#flush();
    if (frame.contentSum) yield* this.#expectContentSum();
    if (frame.contentBytes !== undefined && frame.contentBytes !== this.#content) {
      throw damage(this.#what, `it holds ${this.#content} bytes and announces ${frame.contentBytes}`);
    }
    return 1;
  }

  *#header(): Steps<Frame> {
    const start = Buffer.from(yield* this.#input.take(2));
    const [flags = 0, sizes = 0] = start;
    if (flags >> 6 !== 1) throw damage(this.#what, `its LZ4 frame has the unknown version ${flags >> 6}`);
    if ((flags & 2) !== 0 || (sizes & 0x8f) !== 0) throw damage(this.#what, "its LZ4 frame uses unknown features");
    if ((flags & 1) !== 0) throw damage(this.#what, "its LZ4 frame needs a dictionary, which no archive tool uses");
    const exponent = sizes >> 4;
    if (exponent < 4) throw damage(this.#what, `its LZ4 frame has the unknown block size ${exponent}`);
    const size = (flags & 8) === 0 ? Buffer.alloc(0) : Buffer.from(yield* this.#input.take(8));
    const sum = (yield* this.#input.take(1)).readUInt8();
    const covered = Buffer.concat([start, size]);
    this.#codec.reserve(covered.length, 0);
    this.#codec.view(this.#codec.inputAt, covered.length).set(covered);
    if (((this.#codec.code.xxh32(this.#codec.inputAt, covered.length) >>> 8) & 0xff) !== sum) {
      throw damage(this.#what, "its header has a wrong checksum");
    }
    return {
      linked: (flags & 0x20) === 0,
      blockSums: (flags & 0x10) !== 0,
      contentSum: (flags & 4) !== 0,
      contentBytes: size.length === 0 ? undefined : size.readBigUInt64LE(),
      greatestBlock: 1 << (8 + 2 * exponent),
    };
  }

  #start(frame: Frame): void {
    this.#codec.reserve(frame.greatestBlock, windowBytes + Math.max(roomBytes, frame.greatestBlock));
    this.#oldest = this.#codec.outputAt;
    this.#seen = this.#codec.outputAt;
    this.#end = this.#codec.outputAt;
    this.#content = 0n;
    this.#codec.code.xxh32Start();
  }

  /** One block; false for the end mark. */
  *#block(frame: Frame): Steps<boolean> {
    const word = (yield* this.#input.take(4)).readUInt32LE();
    if (word === 0) return false;
    const length = word & 0x7fff_ffff;
    if (length > frame.greatestBlock) throw this.#blockDamage(`it claims ${length} bytes`);
    this.#makeRoom(frame);
    const stored = word >>> 31 === 1;
    const at = stored ? this.#end : this.#codec.inputAt;
    yield* this.#input.fill(this.#codec.view(at, length));
    const { code } = this.#codec;
    if (frame.blockSums && (yield* this.#input.take(4)).readUInt32LE() !== code.xxh32(at, length) >>> 0) {
      throw this.#blockDamage("its checksum is wrong");
    }
    if (stored) this.#add(frame, length);
    else this.#unpack(frame, length);
    return true;
  }

  /** Decodes a block piece by piece: each is hashed and handed on while it still lies in the processor's cache. */
  #unpack(frame: Frame, length: number): void {
    const { code, inputAt } = this.#codec;
    const history = frame.linked ? Math.max(this.#oldest, this.#end - windowBytes) : this.#end;
    code.lz4Start(inputAt, length, this.#end, frame.greatestBlock, history);
    for (let result = 0; result === 0;) {
      result = code.lz4Decode(this.#end + pieceBytes);
      if (result < 0) throw this.#blockDamage(faultText(result));
      this.#add(frame, code.lz4End() - this.#end);
    }
  }

  /** So many bytes more lie behind the content. */
  #add(frame: Frame, bytes: number): void {
    if (frame.contentSum) this.#codec.code.xxh32Add(this.#end, bytes);
    this.#end += bytes;
    this.#content += BigInt(bytes);
    if (this.#end - this.#seen >= pieceBytes) this.#flush(this.#end - (Number(this.#content) % pageBytes));
  }

  /** Makes sure that a whole block fits behind what lies in the output area. */
  #makeRoom(frame: Frame): void {
    const limit = this.#codec.outputAt + windowBytes + Math.max(roomBytes, frame.greatestBlock);
    if (this.#end + frame.greatestBlock <= limit) return;
    this.#flush();
    const kept = frame.linked ? Math.min(windowBytes, this.#end - this.#oldest) : 0;
    this.#codec.move(this.#codec.outputAt, this.#end - kept, kept);
    this.#oldest = this.#codec.outputAt;
    this.#seen = this.#codec.outputAt + kept;
    this.#end = this.#seen;
  }

  #flush(until = this.#end): void {
    if (until <= this.#seen) return;
    const view = this.#codec.view(this.#seen, until - this.#seen);
    this.#seen = until;
    this.#sink(view);
  }

  *#expectContentSum(): Steps<void> {
    const sum = this.#codec.code.xxh32Result() >>> 0;
    if ((yield* this.#input.take(4)).readUInt32LE() !== sum)
      throw damage(this.#what, "its content has a wrong checksum");
  }

  #blockDamage(words: string): Error {
    return damage(this.#what, `the block at byte ${this.#content} of the content is damaged: ${words}`);
  }
}
