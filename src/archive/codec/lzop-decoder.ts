import { crc32 } from "node:zlib";
import { damage } from "./damage.ts";
import type { PushInput, Steps } from "./push-input.ts";
import { type Codec, faultText, leaseCodec, releaseCodec } from "./wasm.ts";

// The container of the program lzop, as archive-formats.md 1.7 describes it. All numbers are big-endian.

const magic = Buffer.from("894c5a4f000d0a1a0a", "hex");

const adlerOfContent = 0x1;
const adlerOfPacked = 0x2;
const extraField = 0x40;
const crcOfContent = 0x100;
const crcOfPacked = 0x200;
const multipart = 0x400;
const filtered = 0x800;
const crcOfHeader = 0x1000;
const reserved = 0x000f_c000;

/** lzop's own limit of one block; the usual size is 256 KiB. */
const greatestBlock = 64 * 1_048_576;
/** Content that is gathered for one call of the sink, unless a block alone is larger. */
const batchBytes = 262_144;
const usualBlock = 262_144;
/** Nobody writes extra fields; one that is longer than this is damage. */
const greatestExtra = 65_536;

type Sink = (bytes: Uint8Array) => void;

/** Decodes one object: one or more lzop files one after another, then nothing, or zeros. */
export function* lzopSteps(input: PushInput, what: string, sink: Sink): Steps<void> {
  const codec = leaseCodec();
  try {
    codec.reserve(usualBlock, batchBytes);
    const member = new Member(codec, input, what, sink);
    do {
      yield* member.read();
    } while ((yield* input.more()) && input.peekByte() !== 0);
    member.flush();
    yield* input.zerosToEnd();
  } finally {
    releaseCodec(codec);
  }
}

class Member {
  readonly #codec: Codec;
  readonly #input: PushInput;
  readonly #what: string;
  readonly #sink: Sink;
  #flags = 0;
  /** Bytes of content in the output area that the sink has not seen. */
  #waiting = 0;
  /** Content before the block at hand, for messages. */
  #content = 0;
  #first = true;

  constructor(codec: Codec, input: PushInput, what: string, sink: Sink) {
    this.#codec = codec;
    this.#input = input;
    this.#what = what;
    this.#sink = sink;
  }

  /** Reads one header with its blocks, up to and with the end marker. */
  *read(): Steps<void> {
    const head = yield* this.#input.take(magic.length);
    if (!head.equals(magic)) throw this.#first ? this.#damage("it is not lzop data") : this.#input.garbage();
    this.#first = false;
    this.#flags = yield* this.#header();
    while (yield* this.#block());
  }

  /** Hands what waits to the sink. */
  flush(): void {
    if (this.#waiting === 0) return;
    const view = this.#codec.view(this.#codec.outputAt, this.#waiting);
    this.#waiting = 0;
    this.#sink(view);
  }

  /** The fields behind the magic; gives the flags. */
  *#header(): Steps<number> {
    const covered: Buffer[] = [];
    const take = function* (this: Member, count: number): Steps<Buffer> {
      const field = Buffer.from(yield* this.#input.take(count));
      covered.push(field);
      return field;
    }.bind(this);
    const version = (yield* take(2)).readUInt16BE();
    if (version < 0x0900) throw this.#damage(`it is of lzop's version ${version.toString(16)}, which is too old`);
    const modern = version >= 0x0940;
    yield* take(2); // the library's version
    const needed = modern ? (yield* take(2)).readUInt16BE() : 0x0900;
    if (needed > 0x1040) throw this.#damage(`it needs lzop of version ${needed.toString(16)}, which is not known`);
    const method = (yield* take(modern ? 2 : 1)).readUInt8();
    if (method < 1 || method > 3) throw this.#damage(`its compression method ${method} is not known`);
    const flags = (yield* take(4)).readUInt32BE();
    if ((flags & (filtered | multipart | reserved)) !== 0) {
      throw this.#damage(
        `it uses a filter, several volumes or an unknown feature of lzop (flags ${flags.toString(16)})`,
      );
    }
    yield* take(modern ? 12 : 8); // mode, time
    const named = (yield* take(1)).readUInt8();
    yield* take(named);
    yield* this.#expectHeaderSum(flags, Buffer.concat(covered));
    if ((flags & extraField) !== 0) yield* this.#extra(flags);
    return flags;
  }

  *#extra(flags: number): Steps<void> {
    const length = Buffer.from(yield* this.#input.take(4));
    if (length.readUInt32BE() > greatestExtra) throw this.#damage("its header is damaged: the extra field is too long");
    const data = Buffer.from(yield* this.#input.take(length.readUInt32BE()));
    yield* this.#expectHeaderSum(flags, Buffer.concat([length, data]));
  }

  *#expectHeaderSum(flags: number, bytes: Buffer): Steps<void> {
    const { code, inputAt } = this.#codec;
    this.#codec.view(inputAt, bytes.length).set(bytes);
    const sum = (flags & crcOfHeader) === 0 ? code.adler32(1, inputAt, bytes.length) >>> 0 : crc32(bytes);
    if ((yield* this.#input.take(4)).readUInt32BE() !== sum) throw this.#damage("its header has a wrong checksum");
  }

  /** One block; false for the end marker. */
  *#block(): Steps<boolean> {
    const length = (yield* this.#input.take(4)).readUInt32BE();
    if (length === 0) return false;
    if (length > greatestBlock) throw this.#blockDamage(`it claims ${length} bytes`);
    const packed = (yield* this.#input.take(4)).readUInt32BE();
    if (packed === 0 || packed > length) throw this.#blockDamage(`it claims ${packed} packed bytes for ${length}`);
    const sums = yield* this.#sums(packed < length);
    if (this.#waiting + length > batchBytes || !this.#codec.holds(packed, length)) this.flush();
    this.#codec.reserve(packed, length);
    const at = this.#codec.outputAt + this.#waiting;
    yield* packed === length ? this.#input.fill(this.#codec.view(at, length)) : this.#unpack(packed, at, length, sums);
    this.#expectSums(at, length, sums.adler, sums.crc);
    this.#waiting += length;
    this.#content += length;
    if (this.#waiting >= batchBytes) this.flush();
    return true;
  }

  /** The checksums of a block's content, and of its packed form where it has one. */
  *#sums(packed: boolean): Steps<Sums> {
    const mask = packed ? this.#flags : this.#flags & ~(adlerOfPacked | crcOfPacked);
    const next = function* (this: Member, flag: number): Steps<number | undefined> {
      return (mask & flag) === 0 ? undefined : (yield* this.#input.take(4)).readUInt32BE();
    }.bind(this);
    const adler = yield* next(adlerOfContent);
    const crc = yield* next(crcOfContent);
    return { adler, crc, packedAdler: yield* next(adlerOfPacked), packedCrc: yield* next(crcOfPacked) };
  }

  *#unpack(packed: number, at: number, length: number, sums: Sums): Steps<void> {
    const { code, inputAt } = this.#codec;
    yield* this.#input.fill(this.#codec.view(inputAt, packed));
    this.#expectSums(inputAt, packed, sums.packedAdler, sums.packedCrc);
    const fault = code.lzo1xDecode(inputAt, packed, at, length);
    if (fault !== 0) throw this.#blockDamage(faultText(fault));
  }

  #expectSums(at: number, length: number, adler: number | undefined, crc: number | undefined): void {
    const bad =
      (adler !== undefined && this.#codec.code.adler32(1, at, length) >>> 0 !== adler) ||
      (crc !== undefined && crc32(this.#codec.view(at, length)) !== crc);
    if (bad) throw this.#blockDamage("its checksum is wrong");
  }

  #blockDamage(words: string): Error {
    return this.#damage(`the block at byte ${this.#content} of the content is damaged: ${words}`);
  }

  #damage(words: string): Error {
    return damage(this.#what, words);
  }
}

interface Sums {
  readonly adler: number | undefined;
  readonly crc: number | undefined;
  readonly packedAdler: number | undefined;
  readonly packedCrc: number | undefined;
}
