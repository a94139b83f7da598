import { buffer, text } from "node:stream/consumers";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { sniff, sniffedBytes } from "../codec/sniff.ts";
import { type Backup, backupsPrefix, partsPrefix, type SurveyedBackup, surveyBackups } from "../format/list-backups.ts";
import { parseBackupName, usualSegmentBytes } from "../format/wal-names.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { strayTimeline } from "../wal/newest-timeline.ts";
import { findSegmentBytes } from "../wal/survey-wal.ts";
import { coverageOf, listedHistory, readWalListing, type WalCoverage } from "../wal/wal-coverage.ts";

/** What can be said of one base backup without reading it. */
export interface SurveyedFacts {
  readonly name: string;
  /** Absent where the sentinel cannot be read. */
  readonly backup: Backup | undefined;
  readonly finishedAt: Date;
  /** As PostgreSQL writes it: `15.20`. */
  readonly pgVersion: string | undefined;
  readonly timeline: number;
  readonly startSegment: string;
  readonly parts: number;
  /** Bytes of all parts as stored. */
  readonly compressedBytes: number;
  /** As far as the first part's first bytes tell: names of encrypted parts are those of plain ones. */
  readonly isEncrypted: boolean;
  /** Why it cannot be restored; absent when nothing is known against it. */
  readonly refusal: string | undefined;
}

/** One backup, and how far the WAL behind it reaches. */
export type ListedFacts = SurveyedFacts & { readonly wal: WalCoverage };

/** All backups of an archive, oldest first; the last one is what `LATEST` means. */
export interface Survey {
  readonly backups: readonly SurveyedFacts[];
  /** Size of the cluster's WAL segments, as its own WAL tells it. */
  readonly segmentBytes: number;
}

/** How many backups are looked at at a time. */
const atOnce = 8;

/**
 * Looks at every base backup of an archive: its sentinel, its version, the listing of its parts and the first bytes of the
 * first one. What is wrong with one does not hide the others.
 * @throws DrawbridgeError what the store throws.
 */
export async function surveyArchive(store: ObjectStore, signal: AbortSignal): Promise<Survey> {
  let surveyed = await surveyBackups(store, { signal });
  const starts = surveyed.flatMap(({ name }) => parseBackupName(name)?.startSegment ?? []);
  const segmentBytes = await findSegmentBytes(store, starts, signal);
  if (segmentBytes !== usualSegmentBytes) surveyed = await surveyBackups(store, { segmentBytes, signal });
  const backups: SurveyedFacts[] = [];
  for (let at = 0; at < surveyed.length; at += atOnce) {
    const some = surveyed.slice(at, at + atOnce).map((one) => describe(store, one, signal));
    backups.push(...(await Promise.all(some)));
  }
  return { backups, segmentBytes };
}

/** {@link surveyArchive}, and one listing of the WAL. @throws DrawbridgeError what the store throws. */
export async function listArchive(
  store: ObjectStore,
  signal: AbortSignal,
): Promise<{ readonly backups: readonly ListedFacts[]; readonly segmentBytes: number }> {
  const { backups, segmentBytes } = await surveyArchive(store, signal);
  const first = backups.map(({ startSegment }) => startSegment).toSorted((a, b) => (a < b ? -1 : 1))[0];
  if (first === undefined) return { backups: [], segmentBytes };
  const listing = await readWalListing(store, first, signal);
  const listed: ListedFacts[] = [];
  for (const one of backups) {
    const stray = one.backup && (await strayTimeline(one.backup, (timeline) => listedHistory(listing, timeline)));
    const refusal = one.refusal ?? (stray && `${stray.object}: ${stray.reason}`);
    listed.push({ ...one, refusal, wal: coverageOf(one.startSegment, listing, segmentBytes) });
  }
  return { backups: listed, segmentBytes };
}

async function describe(store: ObjectStore, one: SurveyedBackup, signal: AbortSignal): Promise<SurveyedFacts> {
  const { name, found } = one;
  const backup = found instanceof DrawbridgeError ? undefined : found;
  const parts: ObjectInfo[] = [];
  for await (const object of store.list(partsPrefix(name), { signal })) parts.push(object);
  const fault = await firstPartFault(store, parts[0], signal);
  const place = parseBackupName(name);
  return {
    name,
    backup,
    finishedAt: backup?.sentinel.finishedAt ?? one.completedAt,
    pgVersion: await readVersion(store, name, backup, signal),
    timeline: place?.timeline ?? 0,
    startSegment: place?.startSegment ?? "",
    parts: parts.length,
    compressedBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    isEncrypted: fault !== undefined && /\bencrypted\b/.test(fault),
    refusal: found instanceof DrawbridgeError ? found.message : (found.refusal ?? fault),
  };
}

/** Why the first part cannot be read: not there, encrypted, or something else than its name says. */
async function firstPartFault(
  store: ObjectStore,
  part: ObjectInfo | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (part === undefined) return "none of its parts is in the archive";
  try {
    // an empty object has no byte that a range could ask for
    const range = part.sizeBytes === 0 ? {} : { range: { start: 0, end: Math.min(sniffedBytes, part.sizeBytes) - 1 } };
    const found = await store.get(part.key, { ...range, signal });
    if (!found) return `${part.key} has vanished`;
    sniff(part.key, await buffer(found.body));
    return undefined;
  } catch (thrown) {
    const fault = asDrawbridgeError(thrown);
    if (fault.code !== "DB_ARCHIVE_INVALID") throw fault;
    return fault.message;
  }
}

/** WAL-G says it in the sentinel, WAL-E keeps the answer to `SELECT version()` beside the parts. */
async function readVersion(
  store: ObjectStore,
  name: string,
  backup: Backup | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const number = backup?.sentinel.pgVersionNum;
  if (number !== undefined) return `${Math.floor(number / 10_000)}.${number % 10_000}`;
  const answer = await store.get(`${backupsPrefix}${name}/extended_version.txt`, { signal });
  if (!answer) return undefined;
  return /PostgreSQL (\d+(?:\.\d+|beta\d+|rc\d+|devel)?)/.exec(await text(answer.body))?.[1];
}
