import { numberOf, textOf } from "./facts.ts";
import type { SampleRow } from "./rows.ts";

/** One sample of replication lag. */
export interface LagPoint {
  readonly at: Date;
  /** How old the newest heartbeat is that has arrived. */
  readonly lagMs: number;
  readonly lagBytes?: number | undefined;
  /** Age of the newest WAL segment in the archive, while the bridge is fed from it. */
  readonly segmentAgeMs?: number | undefined;
  /** Which link: `archive`, `forward` or `reverse`. */
  readonly link?: string | undefined;
}

/** Lag of the last hour. */
export interface LagSeries {
  readonly points: readonly LagPoint[];
  readonly last: LagPoint;
  readonly highestMs: number;
  /** Against the points of the last two minutes. */
  readonly trend: "falling" | "steady" | "rising";
}

/**
 * The lag series out of samples of kind `lag`: `{ link, lagMs, lagBytes?, segmentAgeMs? }`
 * (`heartbeatAgeMs` and `lagSeconds` are understood as well). `undefined` when there is none.
 */
export function lagSeries(samples: readonly SampleRow[]): LagSeries | undefined {
  const points = samples.flatMap((sample) => (sample.kind === "lag" ? pointOf(sample) : []));
  const last = points.at(-1);
  if (!last) return undefined;
  // a link that ended long ago says nothing about the one that runs
  const same = points.filter((point) => point.link === last.link);
  return { points: same, last, highestMs: Math.max(...same.map((point) => point.lagMs)), trend: trendOf(same, last) };
}

function pointOf({ at, facts }: SampleRow): LagPoint[] {
  const seconds = numberOf(facts, "lagSeconds");
  const lagMs = numberOf(facts, "lagMs", "heartbeatAgeMs") ?? (seconds === undefined ? undefined : seconds * 1000);
  if (lagMs === undefined) return [];
  const lagBytes = numberOf(facts, "lagBytes", "replayBytes");
  const segmentAgeMs = numberOf(facts, "segmentAgeMs");
  return [{ at, lagMs: Math.max(0, lagMs), lagBytes, segmentAgeMs, link: textOf(facts, "link") }];
}

function trendOf(points: readonly LagPoint[], last: LagPoint): LagSeries["trend"] {
  const recent = points.filter((point) => last.at.getTime() - point.at.getTime() <= 120_000);
  const half = Math.floor(recent.length / 2);
  if (half < 2) return "steady";
  const mean = (list: readonly LagPoint[]): number => list.reduce((sum, point) => sum + point.lagMs, 0) / list.length;
  const before = mean(recent.slice(0, half));
  const after = mean(recent.slice(-half));
  // less than a second, or a third, is noise
  const noise = Math.max(1_000, before / 3);
  if (after > before + noise) return "rising";
  return after < before - noise ? "falling" : "steady";
}
