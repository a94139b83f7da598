import { createHash, randomUUID } from "node:crypto";
import { createReadStream, type Dirent, type Stats } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";

/** An object store over a folder of plain files: for `--prefix file:///…` and for tests. */
export function folderStore(folder: string): ObjectStore {
  const head = async (key: string): Promise<ObjectInfo | undefined> => {
    const facts = await factsOf(join(folder, checkedKey(key)));
    return facts?.isFile() === true ? infoOf(key, facts) : undefined;
  };
  return {
    head,
    list: (prefix, options = {}) => listFolder(folder, prefix, options),
    get: async (key, options = {}) => {
      const info = await head(key);
      if (!info) return undefined;
      if (options.ifMatch !== undefined && options.ifMatch !== info.etag) {
        throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} has changed since it was listed`);
      }
      const { range, signal } = options;
      // a stream that is made with it would fail before anybody listens
      signal?.throwIfAborted();
      const body = createReadStream(join(folder, key), {
        ...(range ? { start: range.start } : {}),
        ...(range?.end === undefined ? {} : { end: range.end }),
        ...(signal ? { signal } : {}),
        highWaterMark: 256 * 1024,
      });
      return { info, body };
    },
    put: async (key, body, signal) => {
      const path = join(folder, checkedKey(key));
      await mkdir(dirname(path), { recursive: true });
      const half = `${path}.${randomUUID()}.part`;
      try {
        await using file = await open(half, "wx");
        await file.writeFile(body, signal ? { signal } : {});
        await file.sync();
      } catch (cause) {
        await rm(half, { force: true });
        throw cause;
      }
      await rename(half, path);
    },
    delete: async (key) => rm(join(folder, checkedKey(key)), { force: true }),
  };
}

function checkedKey(key: string): string {
  if (key.startsWith("/") || key.split("/").includes(".."))
    throw new DrawbridgeError("DB_BAD_INPUT", `${key} is not a key`);
  return key;
}

async function* listFolder(
  folder: string,
  prefix: string,
  options: { startAfter?: string; signal?: AbortSignal },
): AsyncGenerator<ObjectInfo> {
  const keys: string[] = [];
  const top = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  for (const entry of await entriesOf(join(folder, top))) {
    options.signal?.throwIfAborted();
    const key = join(entry.parentPath, entry.name).slice(join(folder, "/").length);
    if (entry.isFile() && key.startsWith(prefix) && !key.endsWith(".part")) keys.push(key);
  }
  for (const key of keys.sort()) {
    if (options.startAfter !== undefined && key <= options.startAfter) continue;
    const facts = await factsOf(join(folder, key));
    if (facts) yield infoOf(key, facts);
  }
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { recursive: true, withFileTypes: true });
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw cause;
  }
}

async function factsOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function infoOf(key: string, facts: Stats): ObjectInfo {
  const etag = createHash("md5").update(`${facts.ino}:${facts.size}:${facts.mtimeMs}`).digest("hex");
  return { key, sizeBytes: facts.size, etag, lastModified: facts.mtime };
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
}
