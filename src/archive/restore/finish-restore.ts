import { chown, link, lstat, mkdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import { formatTablespaceMap, tablespaceMapOids } from "../format/backup-label.ts";
import { ifThere } from "../host/if-there.ts";
import { writeOwned } from "../server/owned-file.ts";
import { codeOf, diskFault } from "./disk-fault.ts";
import type { ExtractionTarget } from "./extract.ts";
import { placeOf } from "./file-writer.ts";
import type { Judgement } from "./judge-backup.ts";
import { controlFileInWaiting } from "./member-fate.ts";
import type { PartFacts } from "./part-facts.ts";
import { syncDirectory } from "./restore-journal.ts";

/** Without these PostgreSQL does not start, or makes them anew each time; archives leave some out. */
const neededDirs = [
  "base global pg_commit_ts pg_dynshmem pg_logical pg_logical/mappings pg_logical/snapshots pg_multixact",
  "pg_multixact/members pg_multixact/offsets pg_notify pg_replslot pg_serial pg_snapshots pg_stat pg_stat_tmp",
  "pg_subtrans pg_tblspc pg_twophase pg_wal pg_wal/archive_status pg_xact",
]
  .join(" ")
  .split(" ");

/** What was unpacked, and where. */
export interface FinishOptions {
  readonly target: ExtractionTarget;
  readonly parts: readonly PartFacts[];
  readonly judged: Judgement;
  /** As the sentinel says; empty ones are in no part. */
  readonly tablespaceOids: readonly string[];
  readonly backupName: string;
}

/**
 * What follows after the last part: hard links, directories, labels, tablespaces. Can be done again after it broke off.
 * @returns object identifiers of all tablespaces
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that says what is missing, `DB_UNEXPECTED` for this machine's own trouble.
 */
export async function finishFiles(options: FinishOptions): Promise<string[]> {
  const { target, parts, judged } = options;
  for (const part of parts) await makeHardLinks(part, target);
  for (const { name, because } of judged.wantedFiles) {
    if (await exists(placeOf(name, target))) continue;
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${options.backupName}: ${name} is missing, ${because} is there`);
  }
  for (const dir of neededDirs) await makeDir(join(target.into, dir), target);
  // removed first: a hard link of the archive may have made it one with another file
  await rm(join(target.into, "backup_label"), { force: true });
  if (judged.label === undefined)
    throw new DrawbridgeError("DB_UNEXPECTED", `${options.backupName}: it was judged good without a backup_label`);
  await writeOwned(join(target.into, "backup_label"), judged.label, target.owner);
  const oids = [...new Set([...options.tablespaceOids, ...parts.flatMap((part) => part.tablespaceOids)])];
  await placeTablespaces([...new Set([...oids, ...tablespaceMapOids(judged.tablespaceMap)])], target);
  const { owner, into, tablespacesDir } = target;
  if (owner) for (const dir of [into, tablespacesDir]) await chown(dir, owner.uid, owner.gid);
  return [...new Set([...oids, ...tablespaceMapOids(judged.tablespaceMap)])];
}

/** Gives the control file its name: from here on PostgreSQL can start. */
export async function revealControlFile(into: string): Promise<void> {
  await rename(join(into, controlFileInWaiting), join(into, "global/pg_control"));
  await syncDirectory(join(into, "global"));
}

async function makeHardLinks(part: PartFacts, target: ExtractionTarget): Promise<void> {
  for (const { name, target: to } of part.hardLinks) {
    const path = placeOf(name, target);
    const what = `${part.key}: the hard link ${name} cannot be made`;
    try {
      await makeDir(dirname(path), target);
      await rm(path, { force: true });
      await link(placeOf(to, target), path);
    } catch (cause) {
      // its own directory has just been made: only the other end can be what is not there
      const isMissing = codeOf(cause) === "ENOENT";
      if (!isMissing && !(await isDirectory(placeOf(to, target)))) throw diskFault(what, cause);
      const why = isMissing ? "is in no part" : "is a directory";
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${what}, ${to} ${why}`, { cause });
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** A directory of our own for each, and `tablespace_map` led there: PostgreSQL would make links to the source's paths. */
async function placeTablespaces(oids: readonly string[], target: ExtractionTarget): Promise<void> {
  const { into, owner, tablespacesDir } = target;
  const directories = new Map<string, string>();
  for (const oid of oids) {
    const dir = join(tablespacesDir, oid);
    await makeDir(dir, target);
    directories.set(oid, dir);
    const pointer = join(into, "pg_tblspc", oid);
    const leadsTo = await readlink(pointer).catch(() => undefined);
    if (leadsTo !== dir) {
      await rm(pointer, { force: true });
      await symlink(dir, pointer);
    }
  }
  await rm(join(into, "tablespace_map"), { force: true });
  if (directories.size > 0) await writeOwned(join(into, "tablespace_map"), formatTablespaceMap(directories), owner);
}

async function makeDir(path: string, { owner }: ExtractionTarget): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined && owner) await chown(path, owner.uid, owner.gid);
}

/** Whether something lies there, a link included. */
export async function exists(path: string): Promise<boolean> {
  return (await ifThere(lstat(path))) !== undefined;
}
