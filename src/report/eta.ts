/** How long something still takes. A point only when the measurements have earned it. */
export interface Range {
  readonly lowMs: number;
  readonly highMs: number;
  /** Low and high are close enough to be said as one number. */
  readonly earned: boolean;
}

/** One look at how much is done, in whatever unit. */
export interface DonePoint {
  readonly at: Date;
  readonly done: number;
}

/** Pieces of time whose speeds are compared; fewer looks than this earn no estimate at all. */
const leastPoints = 3;
/** Beyond this ratio between the slow and the fast estimate, a range is shown. */
const earnedRatio = 1.2;

/**
 * Remaining time from how fast `done` grew. The range spans the slowest and fastest of: whole time, last half, last quarter.
 * `undefined` while too little is known, or when nothing moves.
 */
export function remaining(points: readonly DonePoint[], total: number): Range | undefined {
  const last = points.at(-1);
  if (!last || points.length < leastPoints || total <= 0) return undefined;
  const left = total - last.done;
  if (left <= 0) return { lowMs: 0, highMs: 0, earned: true };
  const starts = [0, Math.floor(points.length / 2), Math.floor((points.length * 3) / 4)];
  const speeds = starts
    .map((start) => speedPerMs(points[Math.min(start, points.length - 2)], last))
    .filter((speed) => speed > 0);
  if (speeds.length === 0) return undefined;
  const lowMs = left / Math.max(...speeds);
  const highMs = left / Math.min(...speeds);
  const settled = speeds.length === starts.length && points.length >= 2 * leastPoints;
  return { lowMs, highMs, earned: settled && highMs <= lowMs * earnedRatio };
}

function speedPerMs(from: DonePoint | undefined, to: DonePoint): number {
  const ms = from === undefined ? 0 : to.at.getTime() - from.at.getTime();
  return from === undefined || ms <= 0 ? 0 : (to.done - from.done) / ms;
}
