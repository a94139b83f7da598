import { chown, link, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inSpool, type Spool } from "./spool.ts";

// A standby whose restore_command says "not there" looks into its pg_wal next (`xlogrecovery.c`, XLogFileReadAnyTLI). What lies
// there already, proven and synced, is read without a move, without PostgreSQL's own two syncs of each restored file
// (KeepFileRestoredFromArchive), and without a process beyond the one shell. `placed/` has a second name of each such file: only what
// is the same file in both places is passed on by restore_command.

/**
 * Puts a segment that lies in `placed/` into `pg_wal` as well. `false`: PostgreSQL has a file of that name, or `pg_wal` is not there or
 * on another file system; then it lies in `ready/`.
 */
export async function placeSegment(spool: Spool, walDir: string, name: string): Promise<boolean> {
  const placed = inSpool(spool, "placed", name);
  try {
    // as PostgreSQL marks what it has restored: or it would go to the server's own archive after a promotion
    const mark = join(walDir, "archive_status", `${name}.done`);
    await writeFile(mark, "", { mode: 0o600 });
    if (spool.owner) await chown(mark, spool.owner.uid, spool.owner.gid);
    await link(placed, join(walDir, name));
    return true;
  } catch {
    await rename(placed, inSpool(spool, "ready", name));
    return false;
  }
}

/** Takes back what nobody has asked for: its place in `pg_wal`, if that is still ours, and its mark. */
export async function withdrawSegment(spool: Spool, walDir: string, name: string): Promise<void> {
  const [placed, inWal] = [inSpool(spool, "placed", name), join(walDir, name)];
  if (await isSameFile(placed, inWal)) {
    await rm(inWal, { force: true });
    await rm(join(walDir, "archive_status", `${name}.done`), { force: true });
  }
  await rm(placed, { force: true });
}

/** What an earlier courier has placed lies in `ready/` from now on; what it put into `pg_wal` stays there and is right. */
export async function recallPlaced(spool: Spool): Promise<void> {
  for (const name of await readdir(inSpool(spool, "placed"))) {
    await rename(inSpool(spool, "placed", name), inSpool(spool, "ready", name));
  }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((path) => stat(path).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}
