import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { execa } from "execa";
import { DrawbridgeError } from "../../errors.ts";
import { decompress } from "../codec/decompress.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { findWal, walPrefix } from "./wal-index.ts";

/** One WAL file to be archived. */
export interface PutWalOptions {
  readonly store: ObjectStore;
  /** The file on disk. */
  readonly path: string;
  /** Its name in the archive (`%f`). */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Archives one WAL file as WAL-E does: `wal_005/<name>.lzo`. The same file may be archived again; another one under
 * the same name is refused, as PostgreSQL's manual asks of every `archive_command`.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` for such a conflict; what the store throws.
 */
export async function putWal(options: PutWalOptions): Promise<"stored" | "present"> {
  const { store, path, name, signal } = options;
  for (const present of await findWal(store, name, signal)) {
    const found = await store.get(present.key, { signal });
    if (!found) continue;
    const theirs = await digest(decompress(found.body, present.key, signal));
    if (theirs === (await digest(createReadStream(path)))) return "present";
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${present.key} exists already with other content`);
  }
  const packed = await execa("lzop", ["-c"], {
    inputFile: path,
    encoding: "buffer",
    maxBuffer: 2 ** 31 - 1,
    ...(signal ? { cancelSignal: signal } : {}),
  });
  await store.put(`${walPrefix}${name}.lzo`, Buffer.from(packed.stdout), signal);
  return "stored";
}

async function digest(content: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}
