import { DrawbridgeError } from "../errors.ts";

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
