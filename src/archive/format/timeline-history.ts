import { DrawbridgeError } from "../../errors.ts";
import { formatWalLsn, parseWalLsn } from "./wal-names.ts";

/** One timeline that a later one comes from, and where it was left. */
export interface TimelineEnd {
  readonly timeline: number;
  /** First byte that is no longer of this timeline. */
  readonly endLsn: bigint;
}

/** What a `.history` file says: the way from the first timeline to this one. */
export interface TimelineHistory {
  readonly timeline: number;
  /** Oldest first; the last one is the parent. Empty for timeline 1, which has no file. */
  readonly ancestors: readonly TimelineEnd[];
}

/** `0000000A.history` for timeline 10. */
export function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
}

/** The timeline in the name of a segment, history, `.backup` or `.partial` file: its first eight hex digits. */
export function timelineOf(name: string): number {
  return Number.parseInt(name.slice(0, 8), 16);
}

/**
 * Reads a history file: lines of `<timeline> TAB <end LSN> TAB <reason>` in rising order (`timeline.c`,
 * readTimeLineHistory). `#` starts a comment.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the file and the rule that it breaks.
 */
export function parseHistory(text: string, name: string): TimelineHistory {
  const timeline = timelineOf(name);
  const ancestors: TimelineEnd[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const match = /^\s*(\d{1,10})\s+([0-9A-F]{1,8}\/[0-9A-F]{1,8})(?:\s|$)/i.exec(line);
    if (!match) throw invalid(name, `it is not a history file (${JSON.stringify(line.slice(0, 40))})`);
    const end = { timeline: Number(match[1]), endLsn: parseWalLsn(match[2] ?? "") };
    const before = ancestors.at(-1);
    if (before && (end.timeline <= before.timeline || end.endLsn < before.endLsn)) {
      throw invalid(name, `timeline ${end.timeline} comes after timeline ${before.timeline}`);
    }
    if (end.timeline >= timeline) throw invalid(name, `it names timeline ${end.timeline} as an ancestor`);
    ancestors.push(end);
  }
  if (ancestors.length === 0) throw invalid(name, "it is not a history file (no ancestor in it)");
  return { timeline, ancestors };
}

/** Where the way to `history`'s timeline leaves `timeline`; `undefined` when it never was on it. Pure. */
export function forkLsn(history: TimelineHistory, timeline: number): bigint | undefined {
  return history.ancestors.find((end) => end.timeline === timeline)?.endLsn;
}

/** Whether `history`'s timeline is `timeline` or comes from it. Pure. */
export function isDescendant(history: TimelineHistory, timeline: number): boolean {
  return history.timeline === timeline || forkLsn(history, timeline) !== undefined;
}

/**
 * Why a standby that has replayed up to `replayedLsn` of `timeline` cannot go on along `history`; `undefined` when it can: the
 * new timeline has to have forked at or after what was replayed. Pure.
 */
export function whyNotFollow(
  at: { readonly timeline: number; readonly replayedLsn: bigint },
  history: TimelineHistory,
): string | undefined {
  if (history.timeline === at.timeline) return undefined;
  const fork = forkLsn(history, at.timeline);
  if (fork === undefined) return `timeline ${history.timeline} does not come from timeline ${at.timeline}`;
  if (fork >= at.replayedLsn) return undefined;
  const [left, replayed] = [formatWalLsn(fork), formatWalLsn(at.replayedLsn)];
  return `timeline ${history.timeline} left timeline ${at.timeline} at ${left}, before ${replayed}, which is replayed already`;
}

/**
 * The timeline under whose name PostgreSQL looks first for segment `number` on the way to `history`: the newest that had
 * begun by then (`xlogrecovery.c`, XLogFileReadAnyTLI). Pure.
 */
export function timelineOfSegment(history: TimelineHistory, number: bigint, segmentBytes: number): number {
  const line = [...history.ancestors.map(({ timeline }) => timeline), history.timeline];
  const begins = [0n, ...history.ancestors.map(({ endLsn }) => endLsn / BigInt(segmentBytes))];
  const at = begins.findLastIndex((begin) => begin <= number);
  return line[at] ?? history.timeline;
}

function invalid(name: string, what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name}: ${what}`);
}
