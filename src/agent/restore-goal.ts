import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chooseBackup } from "../archive/format/choose-backup.ts";
import { parseControlFile } from "../archive/format/control-file.ts";
import { type Backup, sortByReadable, surveyBackups, type UnreadableBackup } from "../archive/format/list-backups.ts";
import { usualSegmentBytes } from "../archive/format/wal-names.ts";
import { ifThere } from "../archive/host/if-there.ts";
import { exists } from "../archive/restore/finish-restore.ts";
import { restoreBaseBackup, type RestoreProgress } from "../archive/restore/restore.ts";
import { readBootstrapRole } from "../archive/server/bootstrap-role.ts";
import { writeOwned } from "../archive/server/owned-file.ts";
import { findSegmentBytes, listSegments } from "../archive/wal/survey-wal.ts";
import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import { standbySignal, type AgentContext } from "./context.ts";
import { freePort, removeData, writeRecord, type InstancePaths, type InstanceRecord } from "./instance.ts";
import { stopServer } from "./local-postgres.ts";
import { listenHostOf } from "./server-config.ts";

/** How the agent takes part in a restore. */
export interface RestoreHooks {
  readonly onProgress: (progress: RestoreProgress) => void;
  /** Called before what lies there is removed: nothing may be using it any more. */
  readonly onRemoving: () => Promise<void>;
  /** Called when the directories are there and before the first part is fetched: the WAL can come at the same time. */
  readonly onChosen: (backup: Backup) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Makes the instance a standby that has not been started yet: chooses the base backup, unpacks it, marks it as a standby.
 * A restore that broke off, by the agent's death or for want of keys, goes on where it was, whatever goal asks for it;
 * anything else that lay there is thrown away. Can be stopped and called again at any moment.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID`, `DB_ARCHIVE_ACCESS`, `DB_CONNECTION`.
 */
export async function restoreBridge(context: AgentContext, goal: AgentGoal, hooks: RestoreHooks): Promise<void> {
  const { deps, paths, user } = context;
  await stopServer({ paths, bindir: deps.bindir, user }, "immediate");
  const chosen = await findBackup(context, goal, hooks.signal);
  const resumes = isBegunWith(context.record, chosen.backup);
  const port = context.record?.port ?? deps.port ?? (await freePort(listenHostOf(deps)));
  const common = { migrationId: goal.migrationId, epoch: goal.epoch.toString(), port };
  if (!resumes) {
    await remember(context, { ...common, phase: "restoring" });
    await hooks.onRemoving();
    await removeData(paths);
    context.lastSegment = undefined;
  }
  const begun = { ...common, ...recordOf(chosen), ...identifierOf(goal), phase: "restoring" as const };
  await remember(context, begun);
  await hooks.onChosen(chosen.backup);
  const stage: Stage = { isUnpacking: false };
  try {
    const restored =
      (resumes && (await finishedRestore(paths))) || (await unpack(context, goal, chosen.backup, hooks, stage));
    const bootstrapRole = await readBootstrapRole(paths.dataDir);
    await writeOwned(standbySignal(paths), "", user.owner);
    const backupsFolder = `restore-${goal.epoch}/`;
    await remember(context, { ...begun, ...restored, phase: "restored", bootstrapRole, backupsFolder });
  } catch (thrown) {
    const fault = asDrawbridgeError(thrown);
    const isRefused = fault.code === "DB_ARCHIVE_INVALID" && fault.outcome === "terminal";
    // what cannot be gone on with, or is wrong although all of it is there, is worth nothing; a part that is damaged in the
    // archive was not restored, and the others are as good as before
    if (fault.code === "DB_BAD_INPUT" || (isRefused && !stage.isUnpacking))
      await remember(context, { ...common, phase: "restoring" });
    else if (isRefused) await remember(context, { ...begun, isRefused: true });
    if (!resumes || fault.code !== "DB_BAD_INPUT") throw thrown;
    deps.log.warn({ fault: fault.message }, "the restore that broke off cannot be gone on with; it begins anew");
    await restoreBridge(context, goal, hooks);
  }
}

/** How far a restore came: while it unpacks, what is in its journal is good, whatever else the archive holds. */
interface Stage {
  isUnpacking: boolean;
}

type Restored = Required<Pick<InstanceRecord, "systemIdentifier" | "pgMajor">>;

async function unpack(
  { deps, paths, user }: AgentContext,
  goal: AgentGoal,
  backup: Backup,
  { onProgress, signal }: RestoreHooks,
  stage: Stage,
): Promise<Restored> {
  stage.isUnpacking = true;
  const restored = await restoreBaseBackup({
    store: deps.archive,
    backup,
    into: paths.dataDir,
    tablespacesDir: paths.tablespacesDir,
    journalPath: paths.restoreJournal,
    owner: user.owner,
    systemIdentifier: wantedIdentifier(goal),
    onProgress: (progress) => {
      stage.isUnpacking = progress.phase === "base";
      onProgress(progress);
    },
    onUnverified: (what) =>
      deps.log.warn({ backup: backup.name, what }, "this backup cannot be verified in everything"),
    signal,
  });
  stage.isUnpacking = false;
  const { leftOut } = restored;
  if (leftOut.length > 0) deps.log.warn({ leftOut }, "symlinks to files that are not in the archive were left out");
  return { systemIdentifier: restored.systemIdentifier.toString(), pgMajor: restored.pgMajor };
}

/**
 * What a restore left that ended right before we could remember it: its journal is gone, and the control file, which gets
 * its name last, is there. No server was ever started while the record says `restoring`.
 */
async function finishedRestore({ dataDir, restoreJournal }: InstancePaths): Promise<Restored | undefined> {
  const isOpen = await exists(restoreJournal);
  const bytes = await ifThere(readFile(join(dataDir, "global/pg_control")));
  if (isOpen || bytes === undefined) return undefined;
  const pgMajor = Number.parseInt(await readFile(join(dataDir, "PG_VERSION"), "utf8"), 10);
  return { systemIdentifier: parseControlFile(bytes).systemIdentifier.toString(), pgMajor };
}

/** The source's system identifier as the goal has it. */
function wantedIdentifier({ params }: AgentGoal): bigint | undefined {
  return params.systemIdentifier === undefined ? undefined : BigInt(params.systemIdentifier);
}

function identifierOf({ params }: AgentGoal): Pick<InstanceRecord, "systemIdentifier"> {
  return params.systemIdentifier === undefined ? {} : { systemIdentifier: params.systemIdentifier };
}

interface Chosen {
  readonly backup: Backup;
  readonly segmentBytes: number;
}

function recordOf({ backup, segmentBytes }: Chosen): Partial<InstanceRecord> {
  const { name, completedAt, stopSegment } = backup;
  return { backup: name, backupCompletedAt: completedAt.toISOString(), stopSegment, segmentBytes };
}

/** Whether half a restore of this backup lies there. */
function isBegunWith(record: InstanceRecord | undefined, { name, completedAt }: Backup): boolean {
  return (
    record?.phase === "restoring" && record.backup === name && record.backupCompletedAt === completedAt.toISOString()
  );
}

/** Keeps the record on disk and in memory the same. */
export async function remember(context: AgentContext, record: InstanceRecord): Promise<void> {
  await writeRecord(context.paths, record);
  context.record = record;
}

/**
 * The base backup to restore, its WAL proven to be there, and the size of the cluster's WAL segments. For `LATEST` the one
 * that a broken-off restore was begun with comes first, as long as it will do and no object of it was found damaged.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that says why none will do.
 */
async function findBackup({ deps, record }: AgentContext, goal: AgentGoal, signal: AbortSignal): Promise<Chosen> {
  const { archive: store } = deps;
  let { backups, unreadable } = sortByReadable(await surveyBackups(store, { signal }));
  const starts = backups.map(({ startSegment }) => startSegment);
  const segmentBytes = await findSegmentBytes(store, starts, signal);
  if (segmentBytes !== usualSegmentBytes) {
    ({ backups, unreadable } = sortByReadable(await surveyBackups(store, { segmentBytes, signal })));
  }
  for (const one of unreadable) deps.log.warn(one, "this base backup is passed over: its sentinel cannot be read");
  const first = backups.map((backup) => backup.startSegment).toSorted((a, b) => (a < b ? -1 : 1))[0];
  const segments = first === undefined ? new Set<string>() : await listSegments(store, first, signal);
  const choose = (wanted: string, among: readonly Backup[]): Backup =>
    chooseBackup({
      backups: among,
      unreadable,
      wanted,
      segments,
      segmentBytes,
      systemIdentifier: wantedIdentifier(goal),
      skipRefused: true,
    });
  const wanted = goal.params.backup ?? "LATEST";
  if (wanted !== "LATEST") return { backup: choose(wanted, backups), segmentBytes };
  refuseToForget(record, unreadable);
  // a backup of a timeline that the source never had is of somebody's test restore
  const { timeline: ours = Number.POSITIVE_INFINITY } = goal.params;
  const own = backups.filter(({ timeline }) => timeline <= ours);
  const begun = own.filter((backup) => isBegunWith(record, backup) && record?.isRefused !== true);
  return { backup: chooseFirst(begun, (among) => choose(wanted, among)) ?? choose(wanted, own), segmentBytes };
}

/** Another backup would cost the hours of a restore that has begun, for a sentinel that may be whole again in a minute. */
function refuseToForget(record: InstanceRecord | undefined, unreadable: readonly UnreadableBackup[]): void {
  const begun = record?.phase === "restoring" && record.isRefused !== true ? record.backup : undefined;
  const found = unreadable.find(({ name }) => name === begun);
  if (found === undefined) return;
  const what = `${found.reason}; half of ${found.name} is restored, and another backup is not begun with instead unless archive.backup names it`;
  throw new DrawbridgeError("DB_ARCHIVE_INVALID", what, { outcome: "paused" });
}

/** What `choose` says of a few, if there are any and one will do. */
function chooseFirst(few: readonly Backup[], choose: (among: readonly Backup[]) => Backup): Backup | undefined {
  try {
    return few.length === 0 ? undefined : choose(few);
  } catch (cause) {
    if (asDrawbridgeError(cause).code !== "DB_ARCHIVE_INVALID") throw cause;
    return undefined;
  }
}
