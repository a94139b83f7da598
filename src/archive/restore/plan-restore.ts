import { asDrawbridgeError, type DrawbridgeError } from "../../errors.ts";
import { manifestKey, readManifest } from "../format/files-manifest.ts";
import { describeBackup, partsPrefix, type Backup } from "../format/list-backups.ts";
import { surveyParts, type BackupParts, type Problem } from "../format/list-parts.ts";
import { whyWalIsShort } from "../format/missing-wal.ts";
import { usualSegmentBytes } from "../format/wal-names.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { listSegments, peekSegment } from "../wal/survey-wal.ts";
import type { BackupEvidence } from "./judge-backup.ts";
import { cleanName } from "./member-fate.ts";
import { addName, noNames, type NameSum } from "./part-facts.ts";

/** What is known of a backup before any of its parts is read. */
export interface RestorePlan {
  /** With the positions that its cluster's true segment size gives. */
  readonly backup: Backup;
  readonly parts: BackupParts;
  /** WAL-G: what has to be in which part, by the last piece of its key. */
  readonly manifest: ReadonlyMap<string, NameSum> | undefined;
  readonly systemIdentifiers: BackupEvidence["systemIdentifiers"];
  /** Any of these makes a restore impossible. */
  readonly problems: readonly Problem[];
  /** What could not be verified for want of something that backups of this kind have; restored all the same. */
  readonly unverified: readonly Problem[];
}

/** Which backup is looked at. */
export interface PlanOptions {
  readonly store: ObjectStore;
  readonly backup: Backup;
  readonly systemIdentifier?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Proves what listings alone can prove, so that no terabyte is fetched in vain: parts without a gap, the manifest's parts
 * there, WAL from the backup's start to its stop.
 * @throws DrawbridgeError what the store throws, a passing `DB_ARCHIVE_INVALID` too; what is wrong with the archive is returned.
 */
export async function planRestore(options: PlanOptions): Promise<RestorePlan> {
  const { store, signal } = options;
  const problems: Problem[] = [];
  if (options.backup.refusal !== undefined)
    problems.push({ object: options.backup.name, reason: `it cannot be restored: ${options.backup.refusal}` });
  const { name, sentinel, completedAt, startSegment } = options.backup;
  // at once: each of them waits for the archive, and nothing is fetched before all have answered
  const [wal, there, survey, { manifest, damaged }] = await together(signal, (each) => [
    lookAtWal({ ...options, signal: each }),
    listSegments(store, startSegment, each),
    surveyParts(store, options.backup, each),
    sumManifest({ ...options, signal: each }),
  ]);
  const backup = { ...describeBackup(name, sentinel, completedAt, wal.segmentBytes) };
  problems.push(...(wal.problems ?? []));
  // it may have gone between the two looks
  if (wal.isGone === true) there.delete(startSegment);
  const missing = whyWalIsShort(backup, there, wal.segmentBytes);
  if (missing !== undefined) problems.push({ object: name, reason: missing });
  problems.push(
    ...survey.problems,
    ...(manifest ? [] : survey.gaps),
    ...(damaged ? [damaged] : []),
    ...compareParts(backup, survey, manifest),
  );
  const source = options.systemIdentifier;
  return {
    backup,
    parts: { partitions: survey.partitions, last: survey.last },
    manifest,
    systemIdentifiers: [
      ...(source === undefined ? [] : [{ of: "the source is", value: source }]),
      ...(wal.systemIdentifier === undefined ? [] : [{ of: "the archive's WAL is of", value: wal.systemIdentifier }]),
    ],
    problems,
    unverified: manifest || problems.length > 0 ? [] : withoutManifest(backup),
  };
}

/** `Promise.all` in which the others stop when one fails: a listing of thousands of pages would keep the process for minutes. */
async function together<T extends readonly Promise<unknown>[]>(
  signal: AbortSignal | undefined,
  ask: (each: AbortSignal) => readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const over = new AbortController();
  try {
    return await Promise.all(ask(AbortSignal.any(signal ? [signal, over.signal] : [over.signal])));
  } finally {
    over.abort();
  }
}

/** WAL-E's backups have no manifest, and sentinels that say how many bytes the whole has instead. */
function withoutManifest(backup: Backup): Problem[] {
  const { writer, manifest } = backup.sentinel;
  if (writer !== "wal-g") return [];
  const why = manifest === "none" ? "WAL-G was told to write none" : "it is missing";
  const reason = `${why}, so that no list says which files each part has to hold; numbers of parts and sizes are compared`;
  return [{ object: manifestKey(backup), reason }];
}

const unknownWal = { segmentBytes: usualSegmentBytes, systemIdentifier: undefined };

interface WalLook {
  readonly segmentBytes: number;
  readonly systemIdentifier: bigint | undefined;
  readonly isGone?: boolean;
  readonly problems?: readonly Problem[];
}

/** The first segment that the backup needs says how large segments are and whose they are. */
async function lookAtWal({ store, backup, systemIdentifier, signal }: PlanOptions): Promise<WalLook> {
  try {
    const facts = await peekSegment(store, backup.startSegment, signal);
    if (facts === undefined) return { ...unknownWal, isGone: true };
    if (systemIdentifier === undefined || facts.systemIdentifier === systemIdentifier) return facts;
    const reason = `it is of cluster ${facts.systemIdentifier}, the source is ${systemIdentifier}`;
    return { ...facts, problems: [{ object: `WAL file ${backup.startSegment}`, reason }] };
  } catch (thrown) {
    const fault = damageOnly(thrown);
    const reason = `WAL that it starts with cannot be read: ${fault.message}`;
    return { ...unknownWal, problems: [{ object: backup.name, reason }] };
  }
}

interface ManifestSums {
  readonly manifest: ReadonlyMap<string, NameSum> | undefined;
  /** What is wrong with it. */
  readonly damaged?: Problem;
}

async function sumManifest({ store, backup, signal }: PlanOptions): Promise<ManifestSums> {
  if (backup.sentinel.manifest === "none") return { manifest: undefined };
  const sums = new Map<string, NameSum>();
  const key = manifestKey(backup);
  const add = (partition: string, file: string): void => {
    let sum = sums.get(partition);
    if (!sum) sums.set(partition, (sum = noNames()));
    addName(sum, cleanName(file, key));
  };
  try {
    return { manifest: (await readManifest(store, key, add, signal)) ? sums : undefined };
  } catch (thrown) {
    const fault = damageOnly(thrown);
    return { manifest: undefined, damaged: { object: key, reason: fault.message.replace(`${key}: `, "") } };
  }
}

/** Parts that the manifest tells of and that are not there, and the other way round. Pure. */
function compareParts(backup: Backup, parts: BackupParts, manifest: RestorePlan["manifest"]): Problem[] {
  if (!manifest) return [];
  const names = (objects: BackupParts["last"]): string[] => objects.map(({ key }) => partName(key));
  const there = new Set(names([...parts.partitions, ...parts.last]));
  const prefix = partsPrefix(backup.name);
  const missing = [...manifest.keys()].filter((name) => !there.has(name));
  const unknown = names(parts.partitions).filter((name) => !manifest.has(name));
  return [
    ...missing.map((name) => ({ object: prefix + name, reason: "it is missing, the manifest tells of it" })),
    ...unknown.map((name) => ({ object: prefix + name, reason: "the manifest does not tell of it" })),
  ];
}

/** `part_001.tar.lz4`: how WAL-G's manifest calls a part. */
export function partName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** What is wrong with the archive; what is wrong on the way to it (a proxy's page in place of an object too) is thrown on. */
function damageOnly(thrown: unknown): DrawbridgeError {
  const fault = asDrawbridgeError(thrown);
  if (fault.code !== "DB_ARCHIVE_INVALID" || fault.outcome !== "terminal") throw fault;
  return fault;
}
