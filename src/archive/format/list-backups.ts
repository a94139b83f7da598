import { text } from "node:stream/consumers";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { parseSentinel, type Sentinel } from "./sentinel.ts";
import {
  formatWalLsn,
  parseBackupName,
  parseSegmentName,
  segmentBefore,
  segmentStart,
  usualSegmentBytes,
} from "./wal-names.ts";

/** Where base backups lie under an archive's prefix. */
export const backupsPrefix = "basebackups_005/";
const sentinelSuffix = "_backup_stop_sentinel.json";

/** A completed base backup, as its sentinel describes it. */
export interface Backup {
  readonly name: string;
  /** Key of the sentinel object. */
  readonly sentinelKey: string;
  /** When the sentinel was written: when the backup was complete. */
  readonly completedAt: Date;
  readonly timeline: number;
  readonly startSegment: string;
  readonly startLsn: bigint;
  /** Last WAL segment that it needs to become consistent. */
  readonly stopSegment: string;
  readonly sentinel: Sentinel;
  /** Why it cannot be restored by us; absent when it can. */
  readonly refusal: string | undefined;
}

/** Key of the sentinel of the backup `name`. */
export function sentinelKey(name: string): string {
  return backupsPrefix + name + sentinelSuffix;
}

/** Prefix of the keys of a backup's tar partitions. */
export function partsPrefix(name: string): string {
  return `${backupsPrefix}${name}/tar_partitions/`;
}

/** How backups are listed. */
export interface ListBackupsOptions {
  /** Size of the cluster's WAL segments; 16 MiB unless told. */
  readonly segmentBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** One completed backup by its sentinel's name, and what the sentinel says, or why that cannot be read. */
export interface SurveyedBackup {
  readonly name: string;
  readonly completedAt: Date;
  readonly found: Backup | DrawbridgeError;
}

/**
 * All completed base backups of an archive, oldest first by timeline and position. A sentinel that cannot be read does not
 * hide the others.
 * @throws DrawbridgeError what the store throws; a bad sentinel is in the result.
 */
export async function surveyBackups(store: ObjectStore, options: ListBackupsOptions = {}): Promise<SurveyedBackup[]> {
  const backups: SurveyedBackup[] = [];
  const listOptions = options.signal ? { signal: options.signal } : {};
  for await (const object of store.list(backupsPrefix, listOptions)) {
    const rest = object.key.slice(backupsPrefix.length);
    // objects deeper down belong to a backup; only sentinels lie at the top
    if (rest.includes("/") || !rest.endsWith(sentinelSuffix)) continue;
    const name = rest.slice(0, -sentinelSuffix.length);
    if (parseBackupName(name) === undefined) continue;
    const content = await store.get(object.key, { signal: options.signal });
    if (!content) continue; // removed by retention between the listing and now
    const found = readBackup(name, await text(content.body), object, options.segmentBytes ?? usualSegmentBytes);
    backups.push({ name, completedAt: object.lastModified, found });
  }
  return backups.sort((a, b) => (placeInOrder(a.name) < placeInOrder(b.name) ? -1 : 1));
}

/** A completed base backup of which nothing is known, since its sentinel cannot be read. */
export interface UnreadableBackup {
  readonly name: string;
  readonly reason: string;
}

/** Backups that can be chosen from, and those that can only be told of; the order stays. Pure. */
export function sortByReadable(surveyed: readonly SurveyedBackup[]): {
  readonly backups: readonly Backup[];
  readonly unreadable: readonly UnreadableBackup[];
} {
  const backups: Backup[] = [];
  const unreadable: UnreadableBackup[] = [];
  for (const { name, found } of surveyed) {
    if (found instanceof DrawbridgeError) unreadable.push({ name, reason: found.message });
    else backups.push(found);
  }
  return { backups, unreadable };
}

/**
 * All completed base backups of an archive, oldest first. Sentinels that cannot be read are an error that names them.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID`, and what the store throws.
 */
export async function listBackups(store: ObjectStore, options: ListBackupsOptions = {}): Promise<Backup[]> {
  const surveyed = await surveyBackups(store, options);
  return surveyed.map(({ found }) => {
    if (found instanceof DrawbridgeError) throw found;
    return found;
  });
}

function readBackup(name: string, content: string, object: ObjectInfo, segmentBytes: number): SurveyedBackup["found"] {
  try {
    return describeBackup(name, parseSentinel(content, object.key), object.lastModified, segmentBytes);
  } catch (thrown) {
    const fault = asDrawbridgeError(thrown);
    if (fault.code !== "DB_ARCHIVE_INVALID") throw thrown;
    return fault;
  }
}

/** Timeline, segment and offset in fixed width: names sort as the backups' positions do. */
function placeInOrder(name: string): string {
  const parts = parseBackupName(name);
  if (!parts) throw new DrawbridgeError("DB_UNEXPECTED", `${name} was taken for a base backup's name`);
  // WAL-G's names have no offset, nor two backups in one segment
  return `${parts.startSegment} ${String(parts.startOffsetBytes ?? 0).padStart(10, "0")} ${name}`;
}

/** Puts together what name and sentinel say. Pure. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when they leave a gap. */
export function describeBackup(name: string, sentinel: Sentinel, completedAt: Date, segmentBytes: number): Backup {
  const parts = parseBackupName(name);
  if (!parts) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${name} is not a base backup's name`);
  const { timeline, startSegment } = parts;
  const key = sentinelKey(name);
  const inName =
    parts.startOffsetBytes === undefined
      ? undefined
      : segmentStart(startSegment, segmentBytes) + BigInt(parts.startOffsetBytes);
  const startLsn = sentinel.startLsn ?? inName;
  if (startLsn === undefined)
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} does not say where the backup started`);
  const stopSegment =
    sentinel.stopSegment ??
    (sentinel.stopLsn === undefined ? undefined : segmentBefore(timeline, sentinel.stopLsn, segmentBytes));
  if (stopSegment === undefined) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} does not say where the backup stopped`);
  }
  const impossible =
    sentinel.stopSegment === undefined
      ? whyNotStopLsn(startLsn, sentinel.stopLsn ?? startLsn)
      : whyNotStopSegment(startSegment, stopSegment, segmentBytes);
  if (impossible !== undefined) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: ${impossible}`);
  const refusal = parts.isDelta || sentinel.deltaFrom !== undefined ? deltaRefusal(name, sentinel) : undefined;
  return { name, sentinelKey: key, completedAt, timeline, startSegment, startLsn, stopSegment, sentinel, refusal };
}

/** More WAL than any backup takes: what lies between would be looked for segment by segment. */
const mostWalBytes = 2n ** 44n;

/** Why a backup cannot have stopped there: a damaged digit would have us look for no segment, or for billions. Pure. */
function whyNotStopSegment(startSegment: string, stopSegment: string, segmentBytes: number): string | undefined {
  if (!/^[0-9A-F]{24}$/.test(stopSegment)) return `${stopSegment}, where the backup stopped, is not a WAL segment`;
  const start = parseSegmentName(startSegment, segmentBytes);
  const stop = parseSegmentName(stopSegment, segmentBytes);
  if (stop.timeline !== start.timeline) return `the backup stopped on timeline ${stop.timeline}, in ${stopSegment}`;
  // by name: the true size of segments, and so their numbers, may not be known yet
  if (stopSegment < startSegment) return `the backup stopped in ${stopSegment}, before it started`;
  if ((stop.number - start.number) * BigInt(segmentBytes) >= mostWalBytes)
    return `the backup stopped in ${stopSegment}, impossibly far from its start`;
  return undefined;
}

function whyNotStopLsn(startLsn: bigint, stopLsn: bigint): string | undefined {
  const stopped = `the backup stopped at ${formatWalLsn(stopLsn)}`;
  if (stopLsn < startLsn) return `${stopped}, before it started`;
  return stopLsn - startLsn < mostWalBytes ? undefined : `${stopped}, impossibly far from its start`;
}

/** A delta's own name holds the start of the backup below it: `base_<segment>_D_<segment of that one>`. */
function deltaRefusal(name: string, sentinel: Sentinel): string {
  const below = sentinel.deltaFrom ?? `base_${name.slice(name.indexOf("_D_") + 3)}`;
  const full = sentinel.deltaFullName ?? (/_D_/.test(below) ? undefined : below);
  const instead = full === undefined ? "the full backup at its bottom" : `the full backup ${full}`;
  return `it is a delta on ${below}, which is not restored here; restore ${instead} instead, or take a new full one`;
}
