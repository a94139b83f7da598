import { damage } from "./damage.ts";
import { openZlibStream, type ZlibCompression, type ZlibStream } from "./zlib-stream.ts";

/** Content in one call of the sink: what still lies in the processor's cache when it is written. */
const roomBytes = 256 * 1024;

/** Room for what is decoded, one for each decoder at work in this thread, used again and again. */
const idleRooms: Uint8Array[] = [];

/** zstd, brotli and gzip: one stream after another until the object's end. */
export class ZlibDecoder {
  readonly #compression: ZlibCompression;
  readonly #what: string;
  readonly #sink: (bytes: Uint8Array) => void;
  #stream: ZlibStream | undefined;
  #streams = 0;

  constructor(compression: ZlibCompression, what: string, sink: (bytes: Uint8Array) => void) {
    this.#compression = compression;
    this.#what = what;
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    const room = idleRooms.pop() ?? Buffer.allocUnsafeSlow(roomBytes);
    try {
      for (let rest = chunk; rest.length > 0;) {
        const isFresh = this.#stream === undefined;
        const left = this.#decode(this.#current(), rest, room);
        if (isFresh && left.length === rest.length)
          throw damage(this.#what, `its decoder took nothing of the last ${rest.length} bytes`);
        rest = left;
      }
    } finally {
      idleRooms.push(room);
    }
  }

  end(): void {
    if (this.#streams === 0) throw damage(this.#what, "it is empty");
    const fault = this.#stream?.finish();
    this.#stream?.close();
    if (fault) this.#fail(fault);
  }

  #current(): ZlibStream {
    if (this.#stream) return this.#stream;
    this.#streams += 1;
    this.#stream = openZlibStream(this.#compression);
    return this.#stream;
  }

  /** Decodes until `chunk` is used up or the stream ends in it; gives what is left of it. */
  #decode(stream: ZlibStream, chunk: Uint8Array, room: Uint8Array): Uint8Array {
    for (let rest = chunk; ;) {
      const { used, written, fault } = stream.decode(rest, room);
      if (fault) this.#fail(fault);
      rest = rest.subarray(used);
      if (written > 0) this.#sink(room.subarray(0, written));
      // a full room: there may be more of what was taken in already
      if (written === room.length) continue;
      if (rest.length === 0) return rest;
      // with room to spare it takes no more: it is over, and what follows is another stream, or garbage
      stream.close();
      this.#stream = undefined;
      return rest;
    }
  }

  #fail(cause: Error): never {
    if (this.#streams > 1)
      throw damage(this.#what, `what stands behind its end is not ${this.#compression} data`, cause);
    throw damage(this.#what, `it is cut off, damaged or not ${this.#compression} data (${cause.message})`, cause);
  }
}
