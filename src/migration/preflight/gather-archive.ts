import { decompress } from "../../archive/codec/decompress.ts";
import { chooseBackup } from "../../archive/format/choose-backup.ts";
import {
  type Backup,
  sortByReadable,
  surveyBackups,
  type UnreadableBackup,
} from "../../archive/format/list-backups.ts";
import { problemText, surveyParts } from "../../archive/format/list-parts.ts";
import { segmentRange, usualSegmentBytes } from "../../archive/format/wal-names.ts";
import { planRestore } from "../../archive/restore/plan-restore.ts";
import type { ObjectStore } from "../../archive/store/object-store.ts";
import { listSegments, peekSegment } from "../../archive/wal/survey-wal.ts";
import { DrawbridgeError, explain } from "../../errors.ts";
import type { ArchiveFacts } from "./facts.ts";

/** What to look for in the archive. */
export interface ArchiveQuestion {
  /** `LATEST` or a backup's name. */
  readonly wanted: string;
  /** The source's, where the source could be read. */
  readonly systemIdentifier: string | undefined;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * Lists base backups and WAL, chooses as the restore would, and opens the first part and the first segment, so that
 * encryption and a stranger's archive are seen now.
 * @throws DrawbridgeError `DB_ARCHIVE_ACCESS`, `DB_CONNECTION`.
 */
export async function archiveFacts(store: ObjectStore, question: ArchiveQuestion): Promise<ArchiveFacts> {
  const { signal } = question;
  const surveyed = await surveyBackups(store, { signal });
  const { backups, unreadable } = sortByReadable(surveyed);
  const names = surveyed.map(({ name }) => name);
  const first = backups.map(({ startSegment }) => startSegment).toSorted()[0];
  const segments = first === undefined ? new Set<string>() : await listSegments(store, first, signal);
  const newestStart = backups.at(-1)?.startSegment;
  // where it is not there, the choice says so
  const wal = newestStart === undefined ? undefined : await peekSegment(store, newestStart, signal);
  const segmentBytes = wal?.segmentBytes ?? usualSegmentBytes;
  const choice = choose({ backups, unreadable, segments, segmentBytes }, question);
  const known = { backups: names, systemIdentifier: wal && String(wal.systemIdentifier) };
  if ("refusal" in choice) {
    return {
      ...known,
      chosen: undefined,
      refusal: choice.refusal,
      passedOver: [],
      missingSegments: [],
      newestSegment: undefined,
    };
  }
  const { backup } = choice;
  const newest = newestOf(segments, backup.startSegment);
  const needed = segmentRange(backup.startSegment, newest ?? backup.stopSegment, segmentBytes);
  return {
    ...known,
    chosen: {
      name: backup.name,
      completedAgeMs: question.now.getTime() - backup.completedAt.getTime(),
      startSegment: backup.startSegment,
      timeline: backup.timeline,
      pgVersionNum: backup.sentinel.pgVersionNum,
      unreadable: await whyUnreadable(store, backup, signal),
    },
    refusal: undefined,
    passedOver: unreadable
      .filter(({ name }) => names.indexOf(name) > names.indexOf(backup.name))
      .map(({ reason }) => reason),
    missingSegments: needed.filter((name) => !segments.has(name)).slice(0, 10),
    newestSegment: newest,
  };
}

interface Choices {
  readonly backups: readonly Backup[];
  readonly unreadable: readonly UnreadableBackup[];
  readonly segments: ReadonlySet<string>;
  readonly segmentBytes: number;
}

function choose(
  choices: Choices,
  { wanted, systemIdentifier }: ArchiveQuestion,
): { backup: Backup } | { refusal: string } {
  try {
    const cluster = systemIdentifier === undefined ? undefined : BigInt(systemIdentifier);
    return { backup: chooseBackup({ ...choices, wanted, systemIdentifier: cluster, skipRefused: true }) };
  } catch (fault) {
    if (fault instanceof DrawbridgeError && fault.code === "DB_ARCHIVE_INVALID") return { refusal: explain(fault) };
    throw fault;
  }
}

function newestOf(segments: ReadonlySet<string>, start: string): string | undefined {
  const timeline = start.slice(0, 8);
  return [...segments]
    .filter((name) => name.startsWith(timeline))
    .toSorted()
    .at(-1);
}

// `ustar` stands at 257 in the header of a tar archive's first entry (POSIX and GNU alike).
const ustarAt = 257;

/** Opens the first part as the restore would. Encryption, a gap in the numbers and damage all show here. */
async function whyUnreadable(store: ObjectStore, backup: Backup, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { partitions, problems, gaps } = await surveyParts(store, backup, signal);
    // only a plan knows what a gap in the numbers means; it has to read the manifest for that
    const [wrong] = gaps.length === 0 ? problems : (await planRestore({ store, backup, signal })).problems;
    if (wrong) return problemText(wrong);
    const [part] = partitions;
    const found = part && (await store.get(part.key, { signal }));
    if (part === undefined || found === undefined) return "its first part is not there";
    const held: Buffer[] = [];
    for await (const chunk of decompress(found.body, part.key, signal)) {
      held.push(chunk);
      if (held.reduce((sum, { length }) => sum + length, 0) >= ustarAt + 5) break;
    }
    const head = Buffer.concat(held).toString("latin1", ustarAt, ustarAt + 5);
    return head === "ustar" ? undefined : `${part.key} is no tar archive; it may be encrypted`;
  } catch (fault) {
    if (!(fault instanceof DrawbridgeError) || fault.code !== "DB_ARCHIVE_INVALID") throw fault;
    return explain(fault);
  }
}
