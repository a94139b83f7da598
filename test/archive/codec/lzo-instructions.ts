/**
 * Writes LZO1X blocks instruction by instruction, after the description in archive-formats.md 1.7, and keeps what they
 * must decode to. No compressor: whoever calls says which instruction comes next.
 */
export class LzoBlock {
  readonly #packed: number[] = [];
  readonly content: number[] = [];
  /** Literals copied last: 0 to 3, 4 for a run. */
  state = 0;

  /** The block, with its end. */
  finish(): Buffer {
    return Buffer.from([...this.#packed, 0x11, 0, 0]);
  }

  /** A first byte above 17: 1 to 238 literals. Only at the very beginning. */
  first(literals: readonly number[]): this {
    this.#packed.push(17 + literals.length);
    this.#literals(literals);
    this.state = literals.length < 4 ? literals.length : 4;
    return this;
  }

  /** A run of 4 literals or more; only in state 0. */
  run(literals: readonly number[]): this {
    this.#length(0, 15, literals.length - 3);
    this.#literals(literals);
    this.state = 4;
    return this;
  }

  /** Two bytes from at most 1,024 before; only in state 1 to 3. */
  nearPair(distance: number, trailing: readonly number[] = []): this {
    const back = distance - 1;
    this.#packed.push(((back & 3) << 2) | trailing.length, back >> 2);
    return this.#match(distance, 2, trailing);
  }

  /** Three bytes from 2,049 to 3,072 before; only in state 4. */
  farTriple(distance: number, trailing: readonly number[] = []): this {
    const back = distance - 2049;
    this.#packed.push(((back & 3) << 2) | trailing.length, back >> 2);
    return this.#match(distance, 3, trailing);
  }

  /** 3 to 8 bytes from at most 2,048 before. */
  short(distance: number, length: number, trailing: readonly number[] = []): this {
    const back = distance - 1;
    this.#packed.push(((length - 1) << 5) | ((back & 7) << 2) | trailing.length, back >> 3);
    return this.#match(distance, length, trailing);
  }

  /** 3 bytes or more from at most 16,384 before. */
  middle(distance: number, length: number, trailing: readonly number[] = []): this {
    this.#length(32, 31, length - 2);
    this.#word(((distance - 1) << 2) | trailing.length);
    return this.#match(distance, length, trailing);
  }

  /** 3 bytes or more from 16,385 to 49,151 before. */
  far(distance: number, length: number, trailing: readonly number[] = []): this {
    const back = distance - 16_384;
    this.#length(16 | ((back >> 14) << 3), 7, length - 2);
    this.#word(((back & 0x3fff) << 2) | trailing.length);
    return this.#match(distance, length, trailing);
  }

  /** The code with the length in its low bits, or with zeros there and an extension behind it. */
  #length(code: number, most: number, length: number): void {
    if (length <= most) {
      this.#packed.push(code | length);
      return;
    }
    this.#packed.push(code);
    const rest = length - most - 1;
    for (let zeros = Math.floor(rest / 255); zeros > 0; zeros -= 1) this.#packed.push(0);
    this.#packed.push((rest % 255) + 1);
  }

  #word(value: number): void {
    this.#packed.push(value & 0xff, value >> 8);
  }

  #match(distance: number, length: number, trailing: readonly number[]): this {
    for (let i = 0; i < length; i += 1) this.content.push(this.content[this.content.length - distance] ?? Number.NaN);
    this.#literals(trailing);
    this.state = trailing.length;
    return this;
  }

  #literals(literals: readonly number[]): void {
    for (const byte of literals) {
      this.#packed.push(byte);
      this.content.push(byte);
    }
  }
}
