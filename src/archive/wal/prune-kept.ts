import { readdir, rm } from "node:fs/promises";
import { parseSegmentName, walKind } from "../format/wal-names.ts";
import { inSpool, type Spool } from "./spool.ts";

/** Segments before the one taken last that are kept in any case: a promotion asks for the last one again. */
const keptAnyway = 4n;

/**
 * Removes kept segments that nobody can ask for again: those before `taken` and its last few, unless they are at or above
 * the restart point that PostgreSQL told last (`%r`; all zeros before the first one).
 */
export async function pruneKept(spool: Spool, taken: string, segmentBytes: number): Promise<void> {
  const told = (await readdir(inSpool(spool, "from"))).filter((name) => walKind(name) === "segment").toSorted();
  const least = leastNeeded(taken, told, segmentBytes);
  for (const name of await readdir(inSpool(spool, "kept"))) {
    // also what an earlier version has kept in another form
    if (walKind(name) === "segment" && parseSegmentName(name, segmentBytes).number >= least) continue;
    await rm(inSpool(spool, "kept", name), { force: true });
  }
  for (const old of told.slice(0, -1)) await rm(inSpool(spool, "from", old), { force: true });
}

/** Number of the oldest segment that may be asked for again. `restartPoints` in rising order. Pure. */
export function leastNeeded(taken: string, restartPoints: readonly string[], segmentBytes: number): bigint {
  const few = parseSegmentName(taken, segmentBytes).number - keptAnyway;
  const restart = restartPoints.at(-1);
  if (restart === undefined) return few;
  const { number } = parseSegmentName(restart, segmentBytes);
  return number < few ? number : few;
}
