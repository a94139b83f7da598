import { createDecoder, type Decoder } from "../codec/decoder.ts";
import { sniff, sniffedBytes } from "../codec/sniff.ts";
import { TarParser } from "../tar/tar-parser.ts";
import { Extraction } from "./extract.ts";
import type { FileWriter } from "./file-writer.ts";
import type { PartFacts } from "./part-facts.ts";
import type { ToPartWorker } from "./part-messages.ts";

type PartToUnpack = Extract<ToPartWorker, { type: "part" }>;

/**
 * One partition while it is unpacked: decoded, parsed, written. Its methods throw DrawbridgeError `DB_ARCHIVE_INVALID` that
 * names the object; what was written until then is worthless.
 */
export class OpenPart {
  readonly #key: string;
  readonly #parser: TarParser;
  readonly #extraction: Extraction;
  readonly #files: FileWriter | undefined;
  readonly names: string[] = [];
  #decoder: Decoder | undefined;
  #head: Buffer = Buffer.alloc(0);

  /** `files` absent: the content is only looked at. */
  constructor(part: Pick<PartToUnpack, "key" | "tellNames">, files: FileWriter | undefined) {
    this.#key = part.key;
    this.#files = files;
    const onName = part.tellNames ? (name: string): void => void this.names.push(name) : undefined;
    this.#extraction = new Extraction({ key: part.key, files, onName });
    this.#parser = new TarParser(part.key, this.#extraction);
  }

  push(bytes: Uint8Array): void {
    if (this.#decoder) return this.#decoder.push(bytes);
    // the store may cut anywhere: the first piece may be a single byte
    const head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    if (head.length >= sniffedBytes) this.#begin(head).push(head);
    else this.#head = Buffer.from(head);
  }

  /** The object is over. */
  end(): PartFacts {
    // an object so short that its kind was not asked for yet
    if (!this.#decoder) this.#begin(this.#head).push(this.#head);
    this.#decoder?.end();
    this.#parser.end();
    return this.#extraction.finish();
  }

  /** Gives it up; the file that is open stays half. */
  abandon(): void {
    this.#files?.abandon();
  }

  get writtenBytes(): number {
    return this.#files?.writtenBytes ?? 0;
  }

  #begin(head: Uint8Array): Decoder {
    return (this.#decoder = createDecoder(sniff(this.#key, head), this.#key, (bytes) => this.#parser.push(bytes)));
  }
}
