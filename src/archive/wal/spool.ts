import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bootId } from "../host/boot-id.ts";
import { processStart } from "../host/process-start.ts";
import type { Owner } from "../server/owned-file.ts";

/** A directory through which PostgreSQL's shell commands and a resident process hand each other WAL files. */
export interface Spool {
  readonly dir: string;
  /** The server's user, when it is not ours. */
  readonly owner?: Owner | undefined;
}

/**
 * `want`: names asked for, with the asking process's id. `answer`: exit statuses for those that are not coming. `ready`:
 * proven files, to be moved away by whoever asked. `placed`: proven and synced segments that lie in the server's `pg_wal` as well;
 * `took`: names of those that it was sent to. `kept`: second names of the segments that were ready, where we may not look into `pg_wal`. `from`:
 * the oldest file that PostgreSQL may need again (`%r`). `outgoing` and `done`: the same for `archive_command`.
 */
const subdirs = ["want", "answer", "ready", "placed", "took", "kept", "from", "outgoing", "done"] as const;
type Subdir = (typeof subdirs)[number];

/** A path in the spool. */
export function inSpool(spool: Spool, dir: Subdir, name = ""): string {
  return join(spool.dir, dir, name);
}

/** Makes the spool's directories. It has to lie on the same file system as `pg_wal`, and outside the data directory. */
export async function prepareSpool(spool: Spool): Promise<void> {
  for (const path of [spool.dir, ...subdirs.map((name) => join(spool.dir, name))]) {
    await mkdir(path, { recursive: true });
    if (spool.owner) await chown(path, spool.owner.uid, spool.owner.gid);
    await chmod(path, 0o700);
  }
}

/** Removes what lies in some of the spool's directories. */
export async function emptySpool(spool: Spool, dirs: readonly Subdir[]): Promise<void> {
  for (const dir of dirs) {
    for (const name of await readdir(inSpool(spool, dir))) await rm(inSpool(spool, dir, name), { force: true });
  }
}

/** Writes a small file that appears whole. The server's user owns the directory: that is all it needs to take it away. */
export async function leaveNote(path: string, text: string): Promise<void> {
  const half = join(path, "..", `.${process.pid}.${Math.random().toString(36).slice(2)}`);
  await writeFile(half, text);
  await rename(half, path);
}

/**
 * Whether what lies in the spool was written since this machine was started. Not everything there is synced, so after
 * a power loss it may have holes of zeros, which look like the end of a segment.
 */
export async function isOfThisBoot(spool: Spool): Promise<boolean> {
  const present = await bootId();
  const written = await readFile(join(spool.dir, "boot"), "utf8").catch(() => undefined);
  return present !== undefined && present === written;
}

/** Notes that what lies in the spool from now on is of this boot. */
export async function markBoot(spool: Spool): Promise<void> {
  await leaveNote(join(spool.dir, "boot"), (await bootId()) ?? "unknown");
}

const pidFile = "courier.pid";

/**
 * Says in the spool that this process serves it. `false` when another one that is alive does so already.
 * Two that ask at the same moment may both be told yes; that costs a file fetched twice, nothing else.
 */
export async function claimSpool(spool: Spool): Promise<boolean> {
  const other = await courierPid(spool);
  if (other !== undefined && other !== process.pid) return false;
  await leaveNote(join(spool.dir, pidFile), `${process.pid} ${(await processStart(process.pid)) ?? ""}\n`);
  return true;
}

/** Takes the claim back, if it is ours. */
export async function releaseSpool(spool: Spool): Promise<void> {
  if ((await courierPid(spool)) === process.pid) await rm(join(spool.dir, pidFile), { force: true });
}

/** The process that serves the spool; `undefined` when none is alive. */
export async function courierPid(spool: Spool): Promise<number | undefined> {
  const text = await readFile(join(spool.dir, pidFile), "utf8").catch(() => "");
  const [pid = 0, start = ""] = text.trim().split(" ");
  const now = await processStart(Number(pid));
  // the number alone may belong to another process by now
  return now !== undefined && now === start ? Number(pid) : undefined;
}
