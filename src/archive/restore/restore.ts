import { rm } from "node:fs/promises";
import { systemClock } from "../../clock.ts";
import { DrawbridgeError } from "../../errors.ts";
import type { Backup } from "../format/list-backups.ts";
import { problemText, type Problem } from "../format/list-parts.ts";
import type { Owner } from "../server/owned-file.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import type { ExtractionTarget } from "./extract.ts";
import { finishFiles, revealControlFile } from "./finish-restore.ts";
import { judgeBackup } from "./judge-backup.ts";
import type { PartFacts } from "./part-facts.ts";
import type { PartJob } from "./part-lane.ts";
import { planRestore, type RestorePlan } from "./plan-restore.ts";
import { claimRestore, removeStamps, startRestore, type RestoreStart } from "./prepare-dirs.ts";
import { differsFromManifest, nameDifference } from "./read-parts.ts";
import type { RestoreIdentity, RestoredRecord, RestoreJournal } from "./restore-journal.ts";
import { ProgressMeter, type RestoreProgress } from "./restore-progress.ts";
import { openPartLanes, type PartLanes } from "./run-parts.ts";
import { BackgroundSync, DiskSync } from "./sync-disk.ts";
import { verdictPathOf } from "./sync-doubt.ts";

export type { RestoreProgress } from "./restore-progress.ts";

/** The kernel is told to write to the disk whenever so much has come; the last sync then has little left. */
const syncEveryBytes = 512 * 1024 * 1024;

/** What to restore and where. */
export interface RestoreOptions {
  readonly store: ObjectStore;
  readonly backup: Backup;
  /** The data directory; it has to be empty or absent, or hold this same restore, broken off. */
  readonly into: string;
  /** Tablespaces go into directories below it, named by object identifier. Empty or absent as well. */
  readonly tablespacesDir: string;
  readonly owner?: Owner | undefined;
  /** The source's; an archive of another cluster is refused. */
  readonly systemIdentifier?: bigint | undefined;
  /** Threads that unpack; found from the machine unless told. */
  readonly concurrency?: number | undefined;
  /** How much smaller than announced the whole may be (relations dropped while the backup ran). */
  readonly allowShortfallBytes?: number | undefined;
  /** What was done is noted here, to go on after a crash; `<into>.restore-journal` unless told. On the same disk. */
  readonly journalPath?: string | undefined;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  /** Told of what cannot be verified, before the first part is fetched. */
  readonly onUnverified?: ((what: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was restored. */
export interface Restored {
  readonly systemIdentifier: bigint;
  readonly pgMajor: number;
  readonly fileBytes: number;
  readonly parts: number;
  readonly tablespaceOids: readonly string[];
  /** See {@link PartFacts.leftOut}. */
  readonly leftOut: readonly string[];
}

/** A restore under way. */
interface Restoring {
  readonly options: RestoreOptions;
  readonly plan: RestorePlan;
  readonly target: ExtractionTarget;
  readonly lanes: PartLanes;
  readonly journal: RestoreJournal;
  /** What is known of each part, by its key. */
  readonly facts: Map<string, PartFacts>;
  readonly isResumed: boolean;
  readonly meter: ProgressMeter;
  readonly sync: BackgroundSync;
}

/**
 * Unpacks a base backup into an empty directory and proves what can be proven of it: all parts there, all sizes right,
 * labels matching the backup's name, the right cluster, its WAL in the archive. Leaves a data directory that still needs
 * configuration files and `standby.signal`. `global/pg_control` gets its name last, so that nothing starts from half a
 * restore. Called again after it broke off for whatever reason, it goes on: parts that are unpacked are not fetched again.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID`, `DB_ARCHIVE_ACCESS`, `DB_CONNECTION`; `DB_BAD_INPUT` for a directory in use.
 */
export async function restoreBaseBackup(options: RestoreOptions): Promise<Restored> {
  const { into, tablespacesDir, owner } = options;
  const target = { into, tablespacesDir, owner };
  const { store, signal, concurrency } = options;
  const journalPath = options.journalPath ?? `${into.replace(/\/+$/, "")}.restore-journal`;
  await using _claim = await claimRestore(into, journalPath);
  // the threads get ready while we look at what there is
  await using lanes = openPartLanes({ store, signal, target, lanes: concurrency });
  const plan = await planRestore(options);
  refuseFirst(plan.problems);
  for (const one of plan.unverified) options.onUnverified?.(problemText(one));
  const start = await startRestore(target, journalPath, identityOf(options, plan), signal);
  if (start.kind === "finished") return restoredOf(start.restored);
  await using journal = start.journal;
  using disk = await DiskSync.open([into, tablespacesDir], verdictPathOf(journalPath));
  const restoring = begin({ options, plan, target, lanes, disk }, start);
  await using _sync = restoring.sync;
  await unpack(restoring, plan.parts.partitions);
  // one after the other, so that the label and the control file win over what lies in the partitions
  for (const part of plan.parts.last) await unpack(restoring, [part]);
  const record = await complete(restoring);
  await journal.remove();
  await rm(verdictPathOf(journalPath), { force: true });
  return restoredOf(record);
}

function begin(
  given: Pick<Restoring, "options" | "plan" | "target" | "lanes"> & { readonly disk: DiskSync },
  start: Exclude<RestoreStart, { kind: "finished" }>,
): Restoring {
  const { options, plan, disk } = given;
  const objects = [...plan.parts.partitions, ...plan.parts.last];
  const meter = new ProgressMeter({
    partsTotal: objects.length,
    bytesTotal: plan.backup.sentinel.expandedSizeBytes,
    fetchTotalBytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    clock: systemClock,
    tell: options.onProgress,
  });
  for (const { key, sizeBytes } of objects) {
    const facts = start.done.get(key);
    if (facts) meter.earlierPart(sizeBytes, facts.fileBytes);
  }
  const { journal } = start;
  const sync = new BackgroundSync({
    disk,
    everyBytes: syncEveryBytes,
    onSyncing: (one) => journal.syncing(one),
    onSynced: (keys) => journal.synced(keys),
    onLost: () => journal.lost(),
    signal: options.signal,
  });
  for (const key of start.done.keys()) sync.completed(key);
  const isResumed = start.kind === "resumed";
  return { ...given, journal, facts: new Map(start.done), isResumed, meter, sync };
}

/** Unpacks those of `parts` that are not unpacked yet; each is noted when it is whole. */
async function unpack(restoring: Restoring, parts: readonly ObjectInfo[]): Promise<void> {
  const { options, plan, lanes, journal, facts, meter, sync } = restoring;
  const isLast = parts.some((part) => plan.parts.last.includes(part));
  const existing = restoring.isResumed || isLast ? "replaced" : "refused";
  await lanes.run({
    jobs: parts.filter(({ key }) => !facts.has(key)).map((object): PartJob => ({ object, existing })),
    onFetched: (bytes) => meter.fetched(bytes),
    onWritten: (bytes) => {
      meter.wrote(bytes);
      sync.wrote(bytes);
    },
    onPart: async (part, { object }) => {
      if (differsFromManifest(part, plan)) refuseFirst([await nameDifference({ ...options, plan }, object)]);
      // its pages may be among those that were lost; a loss that comes later is noted behind this line
      sync.throwIfLost();
      await journal.written(part);
      facts.set(part.key, part);
      sync.completed(part.key);
      meter.partDone();
    },
    onFault: (fault) => {
      throw new DrawbridgeError(fault.code, fault.message, { cause: fault, outcome: fault.outcome });
    },
  });
}

/** Judges the whole, completes the directory, and puts everything on the disk before the control file gets its name. */
async function complete(restoring: Restoring): Promise<RestoredRecord> {
  const { options, plan, target, journal, facts, meter, sync } = restoring;
  meter.phase("finishing");
  const factsOf = (objects: readonly ObjectInfo[]): PartFacts[] =>
    objects.map(({ key }) => facts.get(key)).filter((part) => part !== undefined);
  const [partitions, last] = [factsOf(plan.parts.partitions), factsOf(plan.parts.last)];
  const { backup, systemIdentifiers } = plan;
  const { allowShortfallBytes } = options;
  const judged = judgeBackup({ backup, partitions, last, systemIdentifiers, allowShortfallBytes });
  refuseFirst(judged.problems);
  const { control, pgMajor } = judged;
  if (control === undefined || pgMajor === undefined)
    throw new DrawbridgeError("DB_UNEXPECTED", `${backup.name}: it was judged good without pg_control or PG_VERSION`);
  const { tablespaceOids } = backup.sentinel;
  const parts = [...partitions, ...last];
  const oids = await finishFiles({ target, parts, judged, tablespaceOids, backupName: backup.name });
  meter.phase("sync");
  await sync.finish();
  await revealControlFile(target.into);
  const record: RestoredRecord = {
    systemIdentifier: String(control.systemIdentifier),
    pgMajor,
    fileBytes: judged.fileBytes,
    parts: partitions.length,
    tablespaceOids: oids,
    leftOut: parts.flatMap((part) => part.leftOut),
  };
  await journal.finished(record);
  await removeStamps(target);
  return record;
}

function identityOf({ owner, into, tablespacesDir }: RestoreOptions, { backup, parts }: RestorePlan): RestoreIdentity {
  const { name, completedAt, startLsn, stopSegment } = backup;
  return {
    backup: { name, completedAt: completedAt.toISOString(), startLsn: String(startLsn), stopSegment },
    into,
    tablespacesDir,
    ...(owner ? { owner } : {}),
    parts: Object.fromEntries([...parts.partitions, ...parts.last].map(({ key, etag }) => [key, etag])),
  };
}

function restoredOf(record: RestoredRecord): Restored {
  return { ...record, systemIdentifier: BigInt(record.systemIdentifier) };
}

function refuseFirst(problems: readonly Problem[]): void {
  const [first] = problems;
  if (first) throw new DrawbridgeError("DB_ARCHIVE_INVALID", problemText(first));
}
