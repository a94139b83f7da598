import { isAbsolute, resolve } from "node:path";
import { DrawbridgeError } from "../../errors.ts";

/** Where an archive lies. */
export type ArchivePlace =
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "folder"; readonly path: string };

/** `s3://bucket/path` taken apart. @throws DrawbridgeError `DB_ARCHIVE_ACCESS` when there is none. */
export function parsePrefix(prefix: string | undefined, source: string): { bucket: string; prefix: string } {
  const parts = /^s3:\/\/([^/]+)\/?(.*)$/.exec(prefix ?? "");
  if (parts?.[1] === undefined) {
    throw new DrawbridgeError(
      "DB_ARCHIVE_ACCESS",
      `the archive's prefix is not known: neither the configuration nor ${source} has an s3:// URL`,
    );
  }
  return { bucket: parts[1], prefix: parts[2] ?? "" };
}

/**
 * A `--prefix` as a person types it: `s3://bucket/path` or `file:///folder`. The two folders that an archive consists of
 * may be left on by mistake.
 * @throws DrawbridgeError `DB_BAD_INPUT` that says how it is written.
 */
export function parseArchivePlace(typed: string): ArchivePlace {
  if (typed.trim() === "") throw bad("it is empty");
  const bare = typed.trim().replace(/\/+(?:basebackups_005|wal_005)?\/*$/, "");
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,62})(?:\/(.*))?$/.exec(bare);
  if (s3?.[1] !== undefined) return { kind: "s3", bucket: s3[1], prefix: s3[2] ?? "" };
  if (/^s3:/i.test(typed)) throw bad("a bucket's name has 3 to 63 small letters, digits, dots and hyphens");
  if (/^file:/i.test(typed)) return { kind: "folder", path: folderOf(bare === "file:" ? "file:///" : bare) };
  if (/^https?:/i.test(typed)) throw bad("an S3 server of your own is named by --endpoint, the bucket by s3://");
  if (isAbsolute(typed) || typed.startsWith(".")) throw bad(`did you mean file://${resolve(bare)}?`);
  throw bad(`did you mean s3://${bare.replace(/^\/+/, "")}?`);
}

/** The place as it is typed, for messages and for commands to be given again. */
export function formatPlace(place: ArchivePlace): string {
  if (place.kind === "s3") return `s3://${place.bucket}${place.prefix === "" ? "" : `/${place.prefix}`}`;
  return `file://${place.path.replaceAll(/%(?=[0-9a-f]{2})/gi, "%25")}`;
}

function folderOf(bare: string): string {
  const rest = bare.replace(/^file:\/\//i, "");
  if (!rest.startsWith("/")) throw bad(`a folder is named from the root: did you mean file://${resolve(rest)}?`);
  // `%20` as browsers write it, but a folder may as well have a percent sign in its name
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}

function bad(why: string): DrawbridgeError {
  return new DrawbridgeError("DB_BAD_INPUT", `it is neither s3://bucket/path nor file:///folder; ${why}`);
}
