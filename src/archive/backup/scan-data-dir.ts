import type { Stats } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../host/if-there.ts";
import { isOurName } from "../restore/member-fate.ts";

/** One thing of a data directory that goes into a base backup. */
export interface ScannedEntry {
  /** Relative to the data directory; `""` is the directory itself. */
  readonly name: string;
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedAt: Date;
}

/** A tablespace as the sentinel describes it. */
export interface ScannedTablespace {
  readonly oid: string;
  readonly location: string;
}

/** Contents left out, directory kept: at the top, and at any depth (reference: WAL-E's `operator/backup.py`). */
const emptiedAtTop = new Set(["pg_xlog", "pg_wal", "pg_log", "pg_replslot"]);
const emptiedAnywhere = new Set(["pgsql_tmp", "pg_stat_tmp", ".wal-e"]);
const leftOut = new Set([
  ..."postmaster.pid postmaster.opts postgresql.conf pg_hba.conf pg_ident.conf recovery.conf recovery.done promote".split(
    " ",
  ),
  // Heroku's archive has these two in the sentinel; a stale one in the directory must not travel either
  ..."backup_label tablespace_map".split(" "),
  ..."standby.signal recovery.signal".split(" "),
]);

/** Caches of PostgreSQL (with a process's id while one is written) that it removes and makes anew at any time; as `pg_basebackup`. */
const cachePrefix = "pg_internal.init";

/** What belongs into a base backup of `dataDir`, directories before what they hold. Files may vanish at any moment. */
export async function scanDataDir(
  dataDir: string,
): Promise<{ entries: ScannedEntry[]; tablespaces: ScannedTablespace[] }> {
  const entries: ScannedEntry[] = [];
  const tablespaces: ScannedTablespace[] = [];
  const visit = async (name: string, path: string): Promise<void> => {
    const facts = await factsOf(path);
    if (!facts) return;
    if (facts.isSymbolicLink()) return visitLink(name, path);
    const common = { name, path, mode: facts.mode & 0o777, modifiedAt: facts.mtime };
    if (facts.isFile()) entries.push({ ...common, kind: "file", sizeBytes: facts.size });
    if (!facts.isDirectory()) return;
    entries.push({ ...common, kind: "directory", sizeBytes: 0 });
    if (isEmptied(name)) return;
    for (const child of await childrenOf(path)) {
      const inner = name === "" ? child : `${name}/${child}`;
      if ((name === "" ? leftOut.has(child) : child === "lost+found") || isOurName(inner)) continue;
      if (child.startsWith(cachePrefix)) continue;
      await visit(inner, join(path, child));
    }
  };
  const visitLink = async (name: string, path: string): Promise<void> => {
    const location = await readlink(path);
    const oid = /^pg_tblspc\/(\d+)$/.exec(name)?.[1];
    if (oid !== undefined) tablespaces.push({ oid, location });
    const facts = await stat(path);
    // a WAL volume: the directory goes along, empty
    entries.push({ name, path, kind: "directory", sizeBytes: 0, mode: 0o700, modifiedAt: facts.mtime });
    if (oid === undefined) return;
    for (const child of await childrenOf(location)) await visit(`${name}/${child}`, join(location, child));
  };
  await visit("", dataDir);
  return { entries, tablespaces };
}

function isEmptied(name: string): boolean {
  return emptiedAtTop.has(name) || emptiedAnywhere.has(name.slice(name.lastIndexOf("/") + 1));
}

async function childrenOf(path: string): Promise<string[]> {
  return ((await ifThere(readdir(path))) ?? []).toSorted((a, b) => (a < b ? -1 : 1));
}

async function factsOf(path: string): Promise<Stats | undefined> {
  return ifThere(lstat(path));
}
