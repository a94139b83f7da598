import type { Phase } from "../journal/phase.ts";
import { type DonePoint, type Range, remaining } from "./eta.ts";
import { numberOf, textOf } from "./facts.ts";
import type { JournalRows, SampleRow } from "./rows.ts";

/** How far the running phase has come. Members are there only where they are known. */
export interface Progress {
  readonly phase: Phase;
  /** When this was measured. */
  readonly at: Date;
  readonly bytesDone?: number | undefined;
  readonly bytesTotal?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  readonly tablesDone?: number | undefined;
  readonly tablesTotal?: number | undefined;
  readonly rowsDone?: number | undefined;
  /** 0 to 1. */
  readonly share?: number | undefined;
  readonly remaining?: Range | undefined;
  readonly note?: string | undefined;
}

/**
 * Progress of the phase that runs, from samples of kind `progress` (`{ step?, bytesDone, bytesTotal, bytesPerSecond,
 * tablesDone, tablesTotal, rowsDone, note }`) and, while the bridge is restored, from what the agent last said.
 */
export function progressOf(rows: JournalRows): Progress | undefined {
  const phase = rows.migration.phase;
  const since = rows.phases.find((row) => row.phase === phase)?.started_at;
  if (!since) return undefined;
  const own = rows.samples.filter((sample) => sample.kind === "progress" && sample.at >= since && isOf(sample, phase));
  const spoken = phase === "restore-bridge" && rows.agent && rows.agent.at >= since ? [rows.agent] : [];
  const looks = [...own, ...spoken].toSorted((a, b) => a.at.getTime() - b.at.getTime());
  const last = looks.at(-1);
  if (!last) return undefined;
  const bytesDone = numberOf(last.facts, "bytesDone");
  const bytesTotal = numberOf(last.facts, "bytesTotal");
  const tablesDone = numberOf(last.facts, "tablesDone");
  const tablesTotal = numberOf(last.facts, "tablesTotal");
  return {
    phase,
    at: last.at,
    bytesDone,
    bytesTotal,
    bytesPerSecond: numberOf(last.facts, "bytesPerSecond"),
    tablesDone,
    tablesTotal,
    rowsDone: numberOf(last.facts, "rowsDone", "rows"),
    share: shareOf(bytesDone, bytesTotal) ?? shareOf(tablesDone, tablesTotal),
    remaining: remaining(pointsOf(looks, "bytesDone"), bytesTotal ?? 0),
    note: textOf(last.facts, "note"),
  };
}

/** A sample that names no phase belongs to the one that ran when it was taken. */
function isOf(sample: SampleRow, phase: Phase): boolean {
  const named = textOf(sample.facts, "phase");
  return named === undefined || named === phase;
}

function pointsOf(looks: readonly SampleRow[], key: string): DonePoint[] {
  return looks.flatMap(({ at, facts }) => {
    const done = numberOf(facts, key);
    return done === undefined ? [] : [{ at, done }];
  });
}

function shareOf(done: number | undefined, total: number | undefined): number | undefined {
  if (done === undefined || total === undefined || total <= 0) return undefined;
  return Math.min(1, Math.max(0, done / total));
}
