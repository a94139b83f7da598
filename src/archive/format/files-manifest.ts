import { Tokenizer, TokenType } from "@streamparser/json";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { backupsPrefix, type Backup } from "./list-backups.ts";

/** Told of a file and of the tar partition (`part_001.tar.lz4`) that it has to be in. */
export type ManifestReader = (partition: string, file: string) => void;

/** Key of the object that holds WAL-G's manifest of a backup: one of its own, or the sentinel, as WAL-G wrote it before version 2. */
export function manifestKey({ name, sentinelKey, sentinel }: Backup): string {
  return sentinel.manifest === "sentinel" ? sentinelKey : `${backupsPrefix}${name}/files_metadata.json`;
}

/**
 * Reads `TarFileSets` of WAL-G's manifest as it streams in: the object may be over 1 GB, so nothing of it is kept.
 * @returns false when there is no such object as `key`
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the object when it is damaged; what the store throws.
 */
export async function readManifest(
  store: ObjectStore,
  key: string,
  read: ManifestReader,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = await store.get(key, { signal });
  if (!found) return false;
  const parser = new FileSetParser(key, read);
  try {
    for await (const chunk of found.body as AsyncIterable<Buffer>) parser.push(chunk);
    parser.end();
  } finally {
    found.body.destroy();
  }
  return true;
}

/** Walks the tokens of the one object `{"TarFileSets":{"<partition>":["<file>", …], …}, …}`. */
class FileSetParser {
  readonly #key: string;
  readonly #tokenizer = new Tokenizer();
  #depth = 0;
  /** Keys that led here: of the outermost object, and of the one inside it. */
  #outer = "";
  #partition = "";
  #expectsKey = false;
  #sawSets = false;
  #fault: Error | undefined;
  readonly #read: ManifestReader;

  constructor(key: string, read: ManifestReader) {
    this.#key = key;
    this.#read = read;
    this.#tokenizer.onError = (fault) => (this.#fault ??= fault);
    this.#tokenizer.onToken = ({ token, value }) => this.#token(token, typeof value === "string" ? value : undefined);
  }

  push(bytes: Buffer): void {
    this.#guarded(() => this.#tokenizer.write(bytes));
  }

  end(): void {
    this.#guarded(() => {
      if (!this.#tokenizer.isEnded) this.#tokenizer.end();
    });
    if (this.#depth > 0 || !this.#sawSets) throw this.#invalid("it has no whole list of files (TarFileSets)");
  }

  #token(token: TokenType, text: string | undefined): void {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) {
      this.#depth += 1;
      this.#expectsKey = token === TokenType.LEFT_BRACE;
    } else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) {
      if (this.#depth === 2 && this.#outer === "TarFileSets") this.#sawSets = true;
      this.#depth -= 1;
      this.#expectsKey = false;
    } else if (token === TokenType.COMMA) this.#expectsKey = this.#depth <= 2;
    else if (token === TokenType.STRING && text !== undefined) this.#string(text);
  }

  #string(text: string): void {
    if (this.#expectsKey && this.#depth === 1) this.#outer = text;
    else if (this.#expectsKey && this.#depth === 2) this.#partition = text;
    else if (this.#depth === 3 && this.#outer === "TarFileSets") this.#read(this.#partition, text);
    this.#expectsKey = false;
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#fault ??= asDrawbridgeError(thrown);
    }
    if (this.#fault) throw this.#invalid(`it is not whole JSON: ${this.#fault.message}`);
  }

  #invalid(what: string): DrawbridgeError {
    return new DrawbridgeError("DB_ARCHIVE_INVALID", `${this.#key}: ${what}`);
  }
}
