import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Backup } from "../../archive/format/list-backups.ts";
import { restoreBaseBackup, type Restored } from "../../archive/restore/restore.ts";
import { findServerUser, type ServerUser } from "../../archive/server/server-user.ts";
import { chooseWanted, latestByTime } from "../../archive/standalone/choose.ts";
import { configureStandalone, type Configured, isUnconfigured } from "../../archive/standalone/configure.ts";
import { makeDirectory, removeEmpty } from "../../archive/standalone/make-directory.ts";
import { ownerAbove } from "../../archive/standalone/owner-above.ts";
import type { TlsFiles } from "../../archive/standalone/server-files.ts";
import { surveyArchive } from "../../archive/standalone/survey.ts";
import { refuseStrayTimeline } from "../../archive/wal/newest-timeline.ts";
import type { RestoreMode } from "../../archive/wal/serve-restores.ts";
import { DrawbridgeError } from "../../errors.ts";
import { fetchWords } from "./courier-words.ts";
import { formatPlace } from "./prefix.ts";
import { openProgress } from "./progress.ts";
import { commandsOf, restoredText, type RestoreResult } from "./restored-text.ts";
import { type ArchiveOptions, type ArchiveRun, runArchive, say, sayNote, writeResult } from "./run-archive.ts";
import { findServerPrograms, type ServerPrograms } from "./server-programs.ts";

/** Options of `drawbridge archive restore`. */
export interface RestoreCommandOptions extends ArchiveOptions {
  readonly into: string;
  readonly tablespaces?: string;
  readonly backup: string;
  /** Bytes. */
  readonly allowShortfall?: number;
  readonly standby?: boolean;
  readonly recoverToEnd?: boolean;
  readonly owner?: string;
  readonly port?: number;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
}

/** `drawbridge archive restore`: a data directory that `pg_ctl start` takes. */
export async function restoreCommand(options: RestoreCommandOptions): Promise<void> {
  await runArchive(options, async (run) => {
    const made: string[] = [];
    try {
      const result = await restoreByHand(run, options, made);
      writeResult(options.json === true, result, () => restoredText(result));
    } catch (fault) {
      // a restore that has begun has put something into them
      await removeEmpty(made);
      throw fault;
    }
  });
}

/** All of the command but its words. `made`: gets the directories that were made. */
async function restoreByHand(run: ArchiveRun, options: RestoreCommandOptions, made: string[]): Promise<RestoreResult> {
  const began = Date.now();
  const into = resolve(options.into);
  const user = await findServerUser(options.owner, [String(await ownerAbove(into)), "postgres"]);
  const mode: RestoreMode = options.standby === true ? "standby" : "recover-to-end";
  const tablespaces = tablespacesOf(options, into);
  const tls = tlsOf(options);
  refuseRunning(into);
  await makeDirectory(dirname(into), made, 0o755);
  const walDir = `${into}.wal`;
  const fetch = fetchWords(options, mode, join(walDir, "spool"));
  proveUsable(fetch, into, user);
  const { backups } = await surveyArchive(run.store, run.signal);
  const backup = chooseWanted(backups, options.backup, run.place);
  sayNote(latestByTime(backups, options.backup));
  await refuseStrayTimeline(run.store, backup, run.signal);
  const major = Number.parseInt(backups.find(({ name }) => name === backup.name)?.pgVersion ?? "", 10);
  // meanwhile; should the files turn out to be of another version, it is looked for again
  const looking = Number.isNaN(major) ? undefined : findServerPrograms(major);
  for (const path of [into, tablespaces]) await makeDirectory(path, made);
  say(`Restoring ${backup.name} into ${into}${user.owner ? `, for the user ${user.name}` : ""}.`);
  const restored = await unpack(run, backup, { into, tablespaces, user, allowShortfallBytes: options.allowShortfall });
  const { port } = options;
  const configured = await configureStandalone({ dataDir: into, user, mode, tls, port, walDir, fetch });
  const programs = await (looking && major === configured.pgMajor ? looking : findServerPrograms(configured.pgMajor));
  return resultOf({ options, backup, into, mode, user, restored, configured, programs, began });
}

interface Target {
  readonly into: string;
  readonly tablespaces: string;
  readonly user: ServerUser;
  readonly allowShortfallBytes: number | undefined;
}

/** Restores the base backup, unless an earlier try was interrupted after that. */
async function unpack(run: ArchiveRun, backup: Backup, target: Target): Promise<Restored | undefined> {
  if (await isUnconfigured(target.into, backup)) return undefined;
  using progress = openProgress("restore", process.stderr);
  let isFirst = true;
  return await restoreBaseBackup({
    store: run.store,
    backup,
    into: target.into,
    tablespacesDir: target.tablespaces,
    owner: target.user.owner,
    allowShortfallBytes: target.allowShortfallBytes,
    signal: run.signal,
    onUnverified: (what) => say(`Not verified: ${what}.`),
    onProgress: ({ bytesDone, bytesTotal, partsDone, partsTotal }) => {
      run.begun();
      if (isFirst && partsDone > 0) say(`Going on: ${partsDone} of ${partsTotal} parts are there from before.`);
      isFirst = false;
      progress.tell({ bytesDone, bytesTotal, note: `part ${partsDone} of ${partsTotal}` });
    },
  });
}

function tablespacesOf({ tablespaces }: RestoreCommandOptions, into: string): string {
  if (tablespaces === undefined) return `${into}.tablespaces`;
  const path = resolve(tablespaces);
  if (`${path}/`.startsWith(`${into}/`) || `${into}/`.startsWith(`${path}/`)) {
    throw bad(`tablespaces cannot lie in the data directory, nor it in theirs: ${path} and ${into}`);
  }
  return path;
}

function tlsOf({ tlsCertificate, tlsKey }: RestoreCommandOptions): TlsFiles | undefined {
  if (tlsCertificate === undefined || tlsKey === undefined) return undefined;
  const files = { certificate: resolve(tlsCertificate), key: resolve(tlsKey) };
  for (const path of Object.values(files)) if (!existsSync(path)) throw bad(`there is no file ${path}`);
  return files;
}

function refuseRunning(into: string): void {
  if (existsSync(join(into, "postmaster.pid"))) {
    throw bad(`a PostgreSQL server runs in ${into} (postmaster.pid is there); nothing was touched`);
  }
}

/**
 * Proves that the server's user can run that command and, in a folder, read the archive: found out here, and not by a server
 * that stops in the middle of its recovery.
 */
function proveUsable([program = "", ...words]: readonly string[], into: string, { name, owner }: ServerUser): void {
  if (owner === undefined) return;
  const parent = dirname(into);
  if (spawnSync("test", ["-x", parent], { ...owner, cwd: "/" }).status !== 0) {
    throw bad(`PostgreSQL will run as the user ${name}, who may not enter ${parent}; choose another --into or --owner`);
  }
  const folder = words.find((word) => word.startsWith("file://"));
  const args =
    folder === undefined ? [...words.slice(0, 3), "--help"] : [words[0] ?? "", "archive", "list", "--prefix", folder];
  const options = { ...owner, cwd: "/", encoding: "utf8", timeout: 60_000, maxBuffer: 2 ** 28 } as const;
  const tried = spawnSync(program, args, options);
  if (tried.status === 0) return;
  const said = tried.error?.message ?? tried.stderr.trim().split("\n").at(-1) ?? "";
  const what = folder === undefined ? program : `${folder} with ${program}`;
  throw bad(
    `PostgreSQL will run as the user ${name}, who cannot read ${what}, which its restore_command needs (${said}). ` +
      "Put them where every user may read, or name another user with --owner",
  );
}

interface Outcome {
  readonly options: RestoreCommandOptions;
  readonly backup: Backup;
  readonly into: string;
  readonly mode: RestoreMode;
  readonly user: ServerUser;
  readonly restored: Restored | undefined;
  readonly configured: Configured;
  readonly programs: ServerPrograms;
  readonly began: number;
}

function resultOf({
  options,
  backup,
  into,
  mode,
  user,
  restored,
  configured,
  programs,
  began,
}: Outcome): RestoreResult {
  const { bindir } = programs;
  const tablespaces = restored?.tablespaceOids ?? backup.sentinel.tablespaceOids;
  return {
    backup: backup.name,
    prefix: formatPlace(options.prefix),
    dataDirectory: into,
    tablespaces: tablespaces.map((oid) => join(tablespacesOf(options, into), oid)),
    mode,
    postgresql: configured.pgMajor,
    bindir: bindir ?? null,
    otherVersions: bindir === undefined ? programs.others : [],
    serverUser: user.name,
    isOtherUser: user.owner !== undefined,
    port: configured.port,
    socketDirectory: configured.socketDir,
    superuser: configured.superuser,
    tls: options.tlsCertificate !== undefined,
    bytes: restored?.fileBytes ?? null,
    leftOut: restored?.leftOut ?? [],
    seconds: Math.round((Date.now() - began) / 100) / 10,
    ...commandsOf({ into, bindir, user, configured }),
  };
}

function bad(what: string): DrawbridgeError {
  return new DrawbridgeError("DB_BAD_INPUT", what);
}
