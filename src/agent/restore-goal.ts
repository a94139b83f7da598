import { chooseBackup } from "../archive/format/choose-backup.ts";
import { listBackups, type Backup } from "../archive/format/list-backups.ts";
import { usualSegmentBytes } from "../archive/format/wal-names.ts";
import { writeOwned } from "../archive/restore/owned-file.ts";
import { restoreBaseBackup, type RestoreProgress } from "../archive/restore/restore.ts";
import { readBootstrapRole } from "../archive/server/bootstrap-role.ts";
import type { ObjectStore } from "../archive/store/object-store.ts";
import { listSegments, peekSegment } from "../archive/wal/fetch-wal.ts";
import { DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import { standbySignal, type AgentContext } from "./context.ts";
import { freePort, removeData, writeRecord, type InstanceRecord } from "./instance.ts";
import { stopServer } from "./local-postgres.ts";
import { listenHostOf } from "./server-config.ts";

/** How the agent takes part in a restore. */
export interface RestoreHooks {
  readonly onProgress: (progress: RestoreProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * Makes the instance a standby that has not been started yet: chooses the base backup, unpacks it, marks it as a standby.
 * What lay there before is thrown away. Can be stopped and called again at any moment.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID`, `DB_ARCHIVE_ACCESS`, `DB_CONNECTION`.
 */
export async function restoreBridge(context: AgentContext, goal: AgentGoal, hooks: RestoreHooks): Promise<void> {
  const { deps, paths, user } = context;
  const { archive } = deps;
  const port = context.record?.port ?? deps.port ?? (await freePort(listenHostOf(deps)));
  const common = { migrationId: goal.migrationId, epoch: goal.epoch.toString(), port };
  await stopServer({ paths, bindir: deps.bindir, user }, "immediate");
  await remember(context, { ...common, phase: "restoring" });
  await removeData(paths);
  context.lastSegment = undefined;
  const systemIdentifier =
    goal.params.systemIdentifier === undefined ? undefined : BigInt(goal.params.systemIdentifier);
  const wanted = goal.params.backup ?? "LATEST";
  const { backup, segmentBytes } = await findBackup(archive, wanted, systemIdentifier, hooks.signal);
  await remember(context, { ...common, phase: "restoring", backup: backup.name });
  const restored = await restoreBaseBackup({
    store: archive,
    backup,
    into: paths.dataDir,
    tablespacesDir: paths.tablespacesDir,
    owner: user.owner,
    systemIdentifier,
    ...hooks,
  });
  const bootstrapRole = await readBootstrapRole(paths.dataDir);
  await writeOwned(standbySignal(paths), "", user.owner);
  await remember(context, {
    ...common,
    phase: "restored",
    backup: backup.name,
    systemIdentifier: restored.systemIdentifier.toString(),
    pgMajor: restored.pgMajor,
    segmentBytes,
    bootstrapRole,
    backupsFolder: `restore-${goal.epoch}/`,
  });
}

/** Keeps the record on disk and in memory the same. */
export async function remember(context: AgentContext, record: InstanceRecord): Promise<void> {
  await writeRecord(context.paths, record);
  context.record = record;
}

/**
 * The base backup to restore, its WAL proven to be there, and the size of the cluster's WAL segments.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that says why none will do.
 */
async function findBackup(
  store: ObjectStore,
  wanted: string,
  systemIdentifier: bigint | undefined,
  signal: AbortSignal,
): Promise<{ backup: Backup; segmentBytes: number }> {
  let backups = await listBackups(store, { signal });
  const segmentBytes = await findSegmentBytes(store, backups, signal);
  if (segmentBytes !== usualSegmentBytes) backups = await listBackups(store, { segmentBytes, signal });
  const first = backups.map((backup) => backup.startSegment).toSorted((a, b) => (a < b ? -1 : 1))[0];
  const segments = first === undefined ? new Set<string>() : await listSegments(store, first, signal);
  return {
    backup: chooseBackup({ backups, wanted, segments, segmentBytes, systemIdentifier, skipRefused: true }),
    segmentBytes,
  };
}

/** The cluster's segment size as its own WAL tells it. */
async function findSegmentBytes(store: ObjectStore, backups: readonly Backup[], signal: AbortSignal): Promise<number> {
  for (const backup of backups.toReversed()) {
    try {
      return (await peekSegment(store, backup.startSegment, signal)).segmentBytes;
    } catch (cause) {
      // gone or damaged: that only rules this backup out, which the choice will say
      if (!(cause instanceof DrawbridgeError) || cause.code !== "DB_ARCHIVE_INVALID") throw cause;
    }
  }
  return usualSegmentBytes;
}
