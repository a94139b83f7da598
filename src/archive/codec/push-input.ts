import { damage } from "./damage.ts";

/** A parser that stops with `yield` whenever the next bytes have not come yet. */
export type Steps<T> = Generator<undefined, T, undefined>;

const nothing = Buffer.alloc(0);

/** What a pushed object looks like from inside a parser: bytes by count, wherever the chunks' boundaries lie. */
export class PushInput {
  readonly #what: string;
  #chunk: Buffer = nothing;
  #ended = false;
  #bytes = 0;

  /** `what` names the object in errors. */
  constructor(what: string) {
    this.#what = what;
  }

  /** The next chunk; the one before has been read to its end. It is not looked at any more once `left` is 0. */
  give(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#bytes += chunk.byteLength;
  }

  /** There is no further chunk. */
  finish(): void {
    this.#ended = true;
  }

  /** Bytes of the chunk that nobody has asked for yet. */
  get left(): number {
    return this.#chunk.length;
  }

  /** Waits for at least one byte; false at the object's end. */
  *more(): Steps<boolean> {
    while (this.#chunk.length === 0) {
      if (this.#ended) return false;
      yield;
    }
    return true;
  }

  /** Exactly `count` bytes (a view or a copy, valid until the next call). @throws DrawbridgeError when there are fewer. */
  *take(count: number): Steps<Buffer> {
    if (this.#chunk.length >= count) return this.#upTo(count);
    const whole = Buffer.allocUnsafe(count);
    yield* this.fill(whole);
    return whole;
  }

  /** Fills `target`. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when the object ends before. */
  *fill(target: Uint8Array): Steps<void> {
    for (let have = 0; have < target.length;) {
      if (!(yield* this.more())) throw this.cut();
      const count = Math.min(this.#chunk.length, target.length - have);
      // a part of a buffer is copied by memmove; a whole one in shared memory by a loop that takes four times as long
      this.#chunk.copy(target, have, 0, count);
      this.#chunk = this.#chunk.subarray(count);
      have += count;
    }
  }

  /** Passes over `count` bytes. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when there are fewer. */
  *skip(count: number): Steps<void> {
    for (let have = 0; have < count;) {
      if (!(yield* this.more())) throw this.cut();
      have += this.#upTo(count - have).length;
    }
  }

  /** Reads to the object's end. @throws DrawbridgeError `DB_ARCHIVE_INVALID` for anything but zeros. */
  *zerosToEnd(): Steps<void> {
    while (yield* this.more()) {
      if (this.#upTo(this.left).some((byte) => byte !== 0)) throw this.garbage();
    }
  }

  /** The next byte without reading it; there must be one (`more`). */
  peekByte(): number {
    return this.#chunk[0] ?? 0;
  }

  /** The error of an object that ends before its content does. */
  cut(): Error {
    return damage(this.#what, `it is cut off: its ${this.#bytes} bytes are not the whole of it`);
  }

  /** The error of an object that goes on behind its end. */
  garbage(): Error {
    const end = this.#bytes - this.left;
    return damage(this.#what, `something stands behind its end, before byte ${end}`);
  }

  #upTo(limit: number): Buffer {
    const part = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }
}

/** Runs a parser over chunks as they are pushed. The decoder's contract is that of `Decoder`. */
export class SteppedDecoder {
  readonly #input: PushInput;
  readonly #steps: Steps<void>;

  constructor(what: string, parse: (input: PushInput) => Steps<void>) {
    this.#input = new PushInput(what);
    this.#steps = parse(this.#input);
  }

  push(chunk: Uint8Array): void {
    this.#input.give(chunk);
    // a parser ends at the object's end only, or when it has thrown before
    if (this.#steps.next().done === true) throw this.#input.garbage();
  }

  end(): void {
    this.#input.finish();
    if (this.#steps.next().done !== true) throw this.#input.cut();
  }
}
