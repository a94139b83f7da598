import { DrawbridgeError } from "../../errors.ts";

/** Reads an iterable of chunks by counts of bytes, holding one chunk at a time. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #key: string;
  #chunk: Buffer = Buffer.alloc(0);
  #readBytes = 0;

  /** `key` names the object in errors. */
  constructor(source: AsyncIterable<Buffer>, key: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#key = key;
  }

  /** Bytes handed out so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Between 1 and `limit` bytes, without copying. @throws DrawbridgeError `DB_ARCHIVE_INVALID` at the end of the source. */
  async upTo(limit: number): Promise<Buffer> {
    if (!(await this.#fill())) throw this.#cut();
    const part = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(part.length);
    this.#readBytes += part.length;
    return part;
  }

  /** Exactly `count` bytes. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when there are fewer. */
  async take(count: number): Promise<Buffer> {
    if (count === 0) return Buffer.alloc(0);
    const first = await this.upTo(count);
    if (first.length === count) return first;
    const parts = [first];
    for (let have = first.length; have < count;) {
      const part = await this.upTo(count - have);
      parts.push(part);
      have += part.length;
    }
    return Buffer.concat(parts);
  }

  /** Passes over `count` bytes. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) left -= (await this.upTo(left)).length;
  }

  /** Reads on to the end, so that the source can check its own end. @throws DrawbridgeError on anything but zeros. */
  async expectZerosToEnd(): Promise<void> {
    while (await this.#fill()) {
      const rest = await this.upTo(this.#chunk.length);
      if (rest.some((byte) => byte !== 0)) {
        throw new DrawbridgeError(
          "DB_ARCHIVE_INVALID",
          `${this.#key}: something stands behind the end of the tar stream`,
        );
      }
    }
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
    }
    return true;
  }

  #cut(): DrawbridgeError {
    return new DrawbridgeError(
      "DB_ARCHIVE_INVALID",
      `${this.#key}: ends too early, after ${this.#readBytes} bytes of content`,
    );
  }
}
