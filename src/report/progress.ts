import type { Phase } from "../journal/phase.ts";
import { type DonePoint, type Range, remaining } from "./eta.ts";
import { numberOf, textOf } from "./facts.ts";
import type { JournalRows, SampleRow, StoredFacts } from "./rows.ts";

/** How far the running phase has come. Members are there only where they are known. */
export interface Progress {
  readonly phase: Phase;
  /** When this was measured. */
  readonly at: Date;
  readonly bytesDone?: number | undefined;
  readonly bytesTotal?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  /** Of a base backup. */
  readonly partsDone?: number | undefined;
  readonly partsTotal?: number | undefined;
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
    bytesPerSecond: numberOf(last.facts, "bytesPerSecond") ?? bytesPerSecondOf(looks),
    tablesDone,
    tablesTotal,
    rowsDone: numberOf(last.facts, "rowsDone", "rows"),
    share: shareOf(bytesDone, bytesTotal) ?? shareOf(tablesDone, tablesTotal),
    remaining: remaining(pointsOf(looks, "bytesDone"), bytesTotal ?? 0) ?? foretold(last.facts),
    partsDone: numberOf(last.facts, "partsDone"),
    partsTotal: numberOf(last.facts, "partsTotal"),
    note: textOf(last.facts, "note") ?? probeNote(last.facts) ?? bridgeNote(last.facts),
  };
}

/** What the agent itself foretells, from what is still to be fetched: also where nobody knows how large the whole will be. */
function foretold(facts: StoredFacts): Range | undefined {
  const seconds = numberOf(facts, "secondsLeft");
  return seconds === undefined ? undefined : { lowMs: seconds * 1_000, highMs: seconds * 1_000, earned: true };
}

/**
 * How long a test write takes to the bridge through the archive, in milliseconds: the slowest of those that settled the
 * try that runs, else the last; `undefined` before there was one, and when the last did not arrive in time.
 */
export function probeMsOf(rows: JournalRows): number | undefined {
  const follow = rows.phases.find((row) => row.phase === "follow");
  if (!follow?.started_at) return undefined;
  const settled = rows.attempts.findLast(
    (each) => each.step === "settle-lag" && each.try === follow.try && each.state === "succeeded",
  );
  const slowest = numberOf(settled?.output, "slowestMs");
  if (slowest !== undefined) return slowest;
  const since = follow.started_at;
  const last = rows.samples.findLast(
    (each) => each.kind === "progress" && each.at >= since && textOf(each.facts, "phase") === "follow",
  );
  return numberOf(last?.facts, "lastProbeMs");
}

/** "2 of 3 writes in a row arrived quickly, the last within 3.1 s": what the phase still waits for. */
function probeNote(facts: StoredFacts): string | undefined {
  const [good, wanted] = [numberOf(facts, "probes"), numberOf(facts, "wanted")];
  if (good === undefined || wanted === undefined) return undefined;
  const lastMs = numberOf(facts, "lastProbeMs");
  const last = lastMs === undefined ? "the last one did not arrive in time" : `the last took ${probeSeconds(lastMs)}`;
  return `${good} of ${wanted} test writes in a row arrived quickly, ${last}`;
}

/** What the bridge's agent does once the last part is there: WAL up to consistency, before the standby takes connections. */
function bridgeNote(facts: StoredFacts): string | undefined {
  const left = numberOf(facts, "bytesToConsistency");
  if (left === undefined) return undefined;
  if (left === 0) return "the restored copy is about to become consistent";
  return `replays WAL, ${Math.ceil(left / 2 ** 20)} MiB until it is consistent`;
}

function probeSeconds(ms: number): string {
  return ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

/** Speed over the last half minute of looks, where whoever copies does not say it. */
function bytesPerSecondOf(looks: readonly SampleRow[]): number | undefined {
  const points = pointsOf(looks, "bytesDone");
  const last = points.at(-1);
  const first = last && points.find((point) => last.at.getTime() - point.at.getTime() <= 30_000);
  if (!first || !last || last.at.getTime() - first.at.getTime() < 1_000) return undefined;
  return Math.max(0, ((last.done - first.done) * 1_000) / (last.at.getTime() - first.at.getTime()));
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
