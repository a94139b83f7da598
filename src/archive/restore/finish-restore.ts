import { chown, link, lstat, open, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import { formatTablespaceMap, parseBackupLabel, tablespaceMapOids } from "../format/backup-label.ts";
import { readControlFile, type ControlFile } from "../format/control-file.ts";
import type { Backup } from "../format/list-backups.ts";
import { controlFileInWaiting, makeDir, placeOf, type ExtractionTarget } from "./extract.ts";
import { writeOwned } from "./owned-file.ts";
import type { RestoreOptions } from "./restore.ts";

/** Without these PostgreSQL does not start, or makes them anew each time; archives leave some out. */
const neededDirs = [
  "base global pg_commit_ts pg_dynshmem pg_logical pg_logical/mappings pg_logical/snapshots pg_multixact",
  "pg_multixact/members pg_multixact/offsets pg_notify pg_replslot pg_serial pg_snapshots pg_stat pg_stat_tmp",
  "pg_subtrans pg_tblspc pg_twophase pg_wal pg_wal/archive_status pg_xact",
]
  .join(" ")
  .split(" ");

/** Must have come out of the archive: generated ones would be empty, which is wrong content. */
const neededFromArchive = [
  "PG_VERSION",
  "base/1/PG_VERSION",
  "global/pg_filenode.map",
  "pg_xact",
  controlFileInWaiting,
];

/**
 * What follows after the last part: checks, hard links, directories, labels, tablespaces, sync, and the control file last.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that says what is missing or does not fit.
 */
export async function finishRestore(
  options: RestoreOptions,
  target: ExtractionTarget,
  sync: (path: string) => Promise<void>,
): Promise<ControlFile> {
  const { backup, into } = options;
  await makeHardLinks(target);
  await checkComplete(options, target);
  for (const dir of neededDirs) await makeDir(join(into, dir), target);
  const control = await readControlFile(join(into, controlFileInWaiting));
  if (options.systemIdentifier !== undefined && control.systemIdentifier !== options.systemIdentifier) {
    throw invalid(backup, `it is of cluster ${control.systemIdentifier}, the source is ${options.systemIdentifier}`);
  }
  await writeLabels(options, target);
  await sync(into);
  if (target.seen.tablespaceOids.size > 0) await sync(options.tablespacesDir);
  await rename(join(into, controlFileInWaiting), join(into, "global/pg_control"));
  await syncDir(join(into, "global"));
  return control;
}

async function makeHardLinks(target: ExtractionTarget): Promise<void> {
  for (const wanted of target.seen.hardLinks) {
    try {
      await link(wanted.target, wanted.path);
    } catch (cause) {
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${wanted.key}: a hard link's target is in no part`, { cause });
    }
  }
}

async function checkComplete(options: RestoreOptions, target: ExtractionTarget): Promise<void> {
  const { backup, into } = options;
  for (const name of neededFromArchive) {
    if (!(await exists(join(into, name))))
      throw invalid(backup, `${name.replace(".restoring", "")} is in none of its parts`);
  }
  for (const name of target.seen.laterSegments) {
    const [, stem, number] = /^(.*)\.(\d+)$/.exec(name) ?? [];
    const before = number === "1" ? stem : `${stem}.${Number(number) - 1}`;
    if (before !== undefined && !(await exists(placeOf(before, target))))
      throw invalid(backup, `${before} is missing, ${name} is there`);
  }
  const expected = backup.sentinel.expandedSizeBytes;
  if (expected === undefined) return;
  // relations dropped during the backup are announced but absent; a lost last part shows in no other way
  const allowed = options.allowShortfallBytes ?? 1024 * 1024 + Math.round(expected / 50);
  const shortfall = expected - target.seen.fileBytes;
  if (shortfall > allowed) {
    throw invalid(
      backup,
      `its parts hold ${target.seen.fileBytes} bytes of ${expected} announced; a part is missing or cut`,
    );
  }
}

/** `backup_label` checked against the backup's name, `tablespace_map` led to our own directories. */
async function writeLabels(options: RestoreOptions, target: ExtractionTarget): Promise<void> {
  const { backup, into, owner, tablespacesDir } = options;
  const label = backup.sentinel.backupLabel ?? (await readIfThere(join(into, "backup_label")));
  if (label === undefined) throw invalid(backup, "backup_label is neither in the sentinel nor in its parts");
  const start = parseBackupLabel(label, backup.name);
  if (start.startSegment !== backup.startSegment || start.startLsn !== backup.startLsn) {
    throw invalid(backup, `backup_label is of another backup, which starts in ${start.startSegment}`);
  }
  await writeOwned(join(into, "backup_label"), label, owner);
  const map = backup.sentinel.tablespaceMap ?? (await readIfThere(join(into, "tablespace_map"))) ?? "";
  for (const oid of tablespaceMapOids(map)) target.seen.tablespaceOids.add(oid);
  const directories = new Map<string, string>();
  for (const oid of target.seen.tablespaceOids) {
    const dir = join(tablespacesDir, oid);
    await makeDir(dir, target);
    directories.set(oid, dir);
    const pointer = join(into, "pg_tblspc", oid);
    if (!(await exists(pointer))) await symlink(dir, pointer);
  }
  await rm(join(into, "tablespace_map"), { force: true });
  if (directories.size > 0) await writeOwned(join(into, "tablespace_map"), formatTablespaceMap(directories), owner);
  if (owner) await chown(into, owner.uid, owner.gid);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return (await exists(path)) ? readFile(path, "utf8") : undefined;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function syncDir(path: string): Promise<void> {
  await using dir = await open(path, "r");
  await dir.sync();
}

function invalid(backup: Backup, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `${backup.name}: ${what}`);
}
