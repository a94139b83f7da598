import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/** An object that is a plain file. */
export interface StoredObject {
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly lastModified: Date;
  /** With its quotes, as in the HTTP header. Made of size and change time, so that files may be changed by hand. */
  readonly etag: string;
}

/** Buckets as folders and objects as files: `root/bucket/key`. */
export interface ObjectFiles {
  hasBucket(bucket: string): Promise<boolean>;
  find(bucket: string, key: string): Promise<StoredObject | undefined>;
  /** All objects with the prefix, in S3's order (UTF-8 bytes). */
  list(bucket: string, prefix: string): Promise<readonly StoredObject[]>;
  /** Stores all or nothing; rejects when a stage rejects. */
  write(bucket: string, key: string, body: Readable, stages: readonly Transform[]): Promise<StoredObject>;
  remove(bucket: string, key: string): Promise<void>;
}

const temporary = ".incoming";

/** Opens the folder. */
export function openObjectFiles(root: string): ObjectFiles {
  const find = (bucket: string, key: string): Promise<StoredObject | undefined> =>
    describe(key, join(root, bucket, key));
  return {
    hasBucket: async (bucket) => (await statOrNone(join(root, bucket)))?.isDirectory() ?? false,
    find: async (bucket, key) => (isSafeKey(key) ? find(bucket, key) : undefined),
    list: (bucket, prefix) => list(join(root, bucket), prefix),
    write: async (bucket, key, body, stages) => {
      const incoming = join(root, temporary, randomUUID());
      await mkdir(dirname(incoming), { recursive: true });
      try {
        await pipeline([body, ...stages, createWriteStream(incoming)]);
        const path = join(root, bucket, key);
        await mkdir(dirname(path), { recursive: true });
        await rename(incoming, path);
      } finally {
        await rm(incoming, { force: true });
      }
      const stored = await find(bucket, key);
      if (stored === undefined) throw new Error(`${bucket}/${key} vanished while it was stored`);
      return stored;
    },
    remove: async (bucket, key) => {
      if (!isSafeKey(key)) return;
      await rm(join(root, bucket, key), { force: true });
      await removeEmpty(dirname(join(root, bucket, key)), join(root, bucket));
    },
  };
}

/** Keys become paths: none may climb out of its bucket. */
export function isSafeKey(key: string): boolean {
  return (
    key !== "" && !key.includes("\0") && key.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

async function statOrNone(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  return stat(path).catch(() => undefined);
}

async function describe(key: string, path: string): Promise<StoredObject | undefined> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  if (facts === undefined || !facts.isFile()) return undefined;
  const etag = `"${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}-${facts.ino.toString(16)}"`;
  return { key, path, sizeBytes: Number(facts.size), lastModified: facts.mtime, etag };
}

/** What a folder store (Heroku's archive is written by one) has not finished: S3 never shows an upload that goes on. */
const half = /\.[0-9a-f-]{36}\.part$/;

async function list(bucketPath: string, prefix: string): Promise<StoredObject[]> {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (folder !== "" && !isSafeKey(folder.slice(0, -1))) return [];
  const entries = await readdir(join(bucketPath, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const keyed = files
    .map((path) => ({ path, key: path.slice(bucketPath.length + 1) }))
    .filter(({ key }) => key.startsWith(prefix) && !half.test(key));
  const objects = await Promise.all(keyed.map(({ key, path }) => describe(key, path)));
  const found = objects.filter((object) => object !== undefined);
  return found.toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

/** S3 knows no folders: an empty one must not stay behind as something that can collide with a key. */
async function removeEmpty(path: string, stopAt: string): Promise<void> {
  for (let at = path; at.startsWith(`${stopAt}/`); at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return; // not empty: somebody else's objects
    }
  }
}
