import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";

const pageBytes = 8192;
const authidOid = 1260;
const bootstrapOid = 10;

/**
 * Name of the superuser that the restored cluster was made with (the role with oid 10), read from the files: one has to know
 * it to log in for the first time, and archives come from hosts that named it as they liked.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when it is not there.
 */
export async function readBootstrapRole(dataDir: string): Promise<string> {
  const filenode = await mappedFilenode(join(dataDir, "global/pg_filenode.map"), authidOid);
  const table = await readFile(join(dataDir, "global", String(filenode)));
  let found: string | undefined;
  for (let page = 0; page + pageBytes <= table.length; page += pageBytes) {
    found = nameOnPage(table.subarray(page, page + pageBytes)) ?? found;
  }
  if (found === undefined) throw new DrawbridgeError("DB_ARCHIVE_INVALID", "pg_authid has no bootstrap superuser");
  return found;
}

/** `relmapper.c`: magic, count, then pairs of relation oid and file number, all 32 bits. */
async function mappedFilenode(path: string, oid: number): Promise<number> {
  const map = await readFile(path);
  const count = Math.min(map.readInt32LE(4), 64);
  for (let at = 0; at < count; at += 1) {
    if (map.readUInt32LE(8 + at * 8) === oid) return map.readUInt32LE(12 + at * 8);
  }
  throw new DrawbridgeError("DB_ARCHIVE_INVALID", "global/pg_filenode.map does not name pg_authid");
}

/** `bufpage.h`, `htup_details.h`, `pg_authid.h`: line pointers from byte 24, oid and rolname first in each tuple. */
function nameOnPage(page: Buffer): string | undefined {
  const lower = page.readUInt16LE(12);
  let found: string | undefined;
  for (let pointer = 24; pointer + 4 <= Math.min(lower, pageBytes); pointer += 4) {
    const item = page.readUInt32LE(pointer);
    const offset = item & 0x7fff;
    const isNormal = ((item >>> 15) & 3) === 1;
    if (!isNormal || offset + 24 > pageBytes) continue;
    const data = offset + (page[offset + 22] ?? 0);
    if (data + 68 > pageBytes || page.readUInt32LE(data) !== bootstrapOid) continue;
    const name = page.subarray(data + 4, data + 68);
    const end = name.indexOf(0);
    found = name.toString("utf8", 0, end < 0 ? 64 : end);
  }
  return found;
}
