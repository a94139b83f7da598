import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { link, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { readSegmentHeader, segmentHeaderBytes } from "../format/segment-check.ts";
import { segmentStart } from "../format/wal-names.ts";
import { inSpool, type Spool } from "./spool.ts";
import type { WalSource } from "./wal-source.ts";

// A standby whose restore_command says "not there" looks into its pg_wal next (`xlogrecovery.c`, XLogFileReadAnyTLI). What lies
// there already, proven and synced, is read without a move, without PostgreSQL's own two syncs of each restored file
// (KeepFileRestoredFromArchive), and without a process beyond the one shell. `placed/` has a second name of each such file: only what
// is the same file in both places is passed on by restore_command.

/** Between which two directories, on one file system. */
export interface Placement {
  readonly spool: Spool;
  /** The server's `pg_wal`. */
  readonly walDir: string;
}

/**
 * Puts segments that lie in `placed/`, synced, into `pg_wal` as well, in place of what PostgreSQL has of these names: an old file that is
 * to be used again, or the same content. Gives those that lie there now; the others, since `pg_wal` is not there or on another file
 * system, lie in `ready/`. Synchronous, with one flush to the disk.
 */
export function placeSegments(placement: Placement, names: readonly string[]): string[] {
  const { spool, walDir } = placement;
  const done = names.filter((name) => linkIntoWal(placement, name));
  try {
    // a server that was promoted and loses power right afterwards finds its WAL here only
    if (done.length > 0) syncDir(walDir);
    return done;
  } catch {
    for (const name of done) renameSync(inSpool(spool, "placed", name), inSpool(spool, "ready", name));
    return [];
  }
}

function linkIntoWal({ spool, walDir }: Placement, name: string): boolean {
  const placed = inSpool(spool, "placed", name);
  const second = inSpool(spool, "placed", `.${name}`);
  try {
    // as PostgreSQL marks what it has restored: or it would go to the server's own archive after a promotion
    const mark = join(walDir, "archive_status", `${name}.done`);
    writeFileSync(mark, "", { mode: 0o600 });
    if (spool.owner) chownSync(mark, spool.owner.uid, spool.owner.gid);
    linkSync(placed, second);
    renameSync(second, join(walDir, name));
    return true;
  } catch {
    renameSync(placed, inSpool(spool, "ready", name));
    return false;
  } finally {
    // also where all went well: two names of one file are left as they are by rename
    rmSync(second, { force: true });
  }
}

function syncDir(path: string): void {
  const dir = openSync(path, "r");
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}

/**
 * Sends PostgreSQL once more to a segment that it has had and that lies in its `pg_wal`, proven anew. `false`: it is not there, or not
 * whole, or an old file that waits under this name to be used again.
 */
export async function recallSegment(
  { spool, walDir }: Placement,
  name: string,
  source: Pick<WalSource, "verifyFile">,
): Promise<boolean> {
  const inWal = join(walDir, name);
  // nearly always, and then without a detour through another thread
  if (!existsSync(inWal)) return false;
  try {
    if (!(await beginsAs(name, inWal))) return false;
    await source.verifyFile(name, inWal);
    await link(inWal, inSpool(spool, "placed", name));
    return true;
  } catch {
    return false;
  }
}

/** A look at the first bytes, before a thread reads all of them. */
async function beginsAs(name: string, path: string): Promise<boolean> {
  await using file = await open(path);
  const head = Buffer.alloc(segmentHeaderBytes);
  const { bytesRead } = await file.read(head);
  const { startLsn, segmentBytes } = readSegmentHeader(head.subarray(0, bytesRead), name);
  return startLsn === segmentStart(name, segmentBytes);
}

/** Takes back what nobody has asked for: its place in `pg_wal`, if that is still ours, and its mark. */
export async function withdrawSegment({ spool, walDir }: Placement, name: string): Promise<void> {
  const [placed, inWal] = [inSpool(spool, "placed", name), join(walDir, name)];
  if (await isSameFile(placed, inWal)) {
    await rm(inWal, { force: true });
    await rm(join(walDir, "archive_status", `${name}.done`), { force: true });
  }
  await rm(placed, { force: true });
}

/**
 * What an earlier courier has placed lies in `ready/` from now on; what it put into `pg_wal` stays there and is right. What it has left half
 * goes.
 */
export async function inheritPlaced(spool: Spool): Promise<void> {
  for (const name of await readdir(inSpool(spool, "placed"))) {
    await rename(inSpool(spool, "placed", name), inSpool(spool, "ready", name));
  }
  for (const name of await readdir(inSpool(spool, "ready"))) {
    if (name.startsWith(".")) await rm(inSpool(spool, "ready", name), { force: true });
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((path) => stat(path).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}
