import type { Phase } from "../../journal/phase.ts";
import type { Snapshot } from "../../report/snapshot.ts";
import { clockSeconds, duration, glyph, size, within } from "./text.ts";

/** On the archive's link rows come by whole segments: up to this age says nothing about how long a window would wait. */
const segmentMs = 120_000;

/** The card's line on how far the other side is behind; `undefined` where nothing measured within `freshMs` says it. */
export function lagLine(snapshot: Snapshot, freshMs: number): string | undefined {
  const { lag, takenAt } = snapshot;
  // in a window nobody beats: the last lag of before would be taken for now's
  if (!lag || snapshot.state !== "active" || snapshot.window?.state === "open") return undefined;
  const { last } = lag;
  // a lag that nobody measured lately is worse than none
  if (takenAt.getTime() - last.at.getTime() > freshMs || !linksOf(snapshot.phase).includes(last.link ?? ""))
    return undefined;
  if (last.link === "archive") return archiveWords(snapshot, last.lagMs);
  const behind = last.lagBytes === undefined ? "" : ` (${size(last.lagBytes)})`;
  return `lag ${duration(last.lagMs)}${behind} · ${lag.trend} · highest ${duration(lag.highestMs)} in the last hour`;
}

/** The answer to `/migrate lag`. Slack text. */
export function lagAnswer(snapshot: Snapshot | undefined): string {
  const series = snapshot?.lag;
  if (snapshot === undefined || series === undefined)
    return "Nothing is being replicated at the moment, so there is no lag.";
  const { last } = series;
  const old = snapshot.takenAt.getTime() - last.at.getTime();
  const bytes = last.lagBytes === undefined ? "" : `, ${size(last.lagBytes)}`;
  const segment = last.segmentAgeMs === undefined ? "" : ` · newest archive segment ${duration(last.segmentAgeMs)} old`;
  const says =
    last.link === "archive"
      ? archiveWords(snapshot, last.lagMs)
      : `lag ${duration(last.lagMs)}${bytes}, ${series.trend}`;
  return `${says.charAt(0).toUpperCase()}${says.slice(1)} · highest in the last hour ${duration(series.highestMs)}${segment} · measured ${duration(old)} ago, at ${clockSeconds(last.at)}. The chart comes into the card's thread.`;
}

/** Not called lag: the newest row is as old as the newest segment, while a test write fills its segment and goes through at once. */
function archiveWords({ probeMs }: Snapshot, ageMs: number): string {
  const probes = probeMs === undefined ? "" : ` · test writes arrive ${within(probeMs)}`;
  const age = `newest row on the bridge is ${duration(ageMs)} old`;
  return ageMs > segmentMs
    ? `${glyph.needed} ${age}, although the archive's segments usually come within a minute${probes}`
    : `${age} (the archive's segments usually come within a minute)${probes}`;
}

/** Which links tell something in a phase: that of before window 1 says nothing once the bridge is the primary. */
function linksOf(phase: Phase): readonly string[] {
  if (phase === "replicate" || phase === "cutover") return ["forward", ""];
  return phase === "soak" || phase === "retire" ? ["reverse", ""] : ["archive", ""];
}
