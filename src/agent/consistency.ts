import { parseSegmentName, parseWalLsn } from "../archive/format/wal-names.ts";
import { DrawbridgeError } from "../errors.ts";
import type { AgentFacts } from "../journal/agent-rows.ts";
import type { AgentContext } from "./context.ts";
import { readControlData, type LocalServer } from "./local-postgres.ts";

/** What is known of a server that does not take connections yet. */
export interface RecoveryFacts {
  /** From the control file, `0/0` where it has none. */
  readonly minRecoveryLsn: string;
  readonly backupEndLsn: string;
  readonly redoLsn: string;
  /** Last segment that the base backup needs. */
  readonly stopSegment: string | undefined;
  /** Segment that PostgreSQL has taken last. */
  readonly lastSegment: string | undefined;
  readonly segmentBytes: number;
}

/**
 * Bytes of WAL until the server is consistent and takes connections: from the start of the segment that it reads (it tells
 * nobody more until then) to the end of the backup, or to what was replayed and written before. Never below 0. Pure.
 */
export function bytesToConsistency(facts: RecoveryFacts): number {
  const { segmentBytes, stopSegment, lastSegment } = facts;
  const size = BigInt(segmentBytes);
  const endOf = (name: string | undefined): bigint =>
    name === undefined ? 0n : (parseSegmentName(name, segmentBytes).number + 1n) * size;
  const ends = [parseWalLsn(facts.minRecoveryLsn), parseWalLsn(facts.backupEndLsn), endOf(stopSegment)];
  const reading = lastSegment === undefined ? 0n : endOf(lastSegment) - size;
  const redo = parseWalLsn(facts.redoLsn);
  const at = reading > redo ? reading : redo;
  const end = ends.reduce((most, one) => (one > most ? one : most));
  return end > at ? Number(end - at) : 0;
}

/** A position of the control file. @throws DrawbridgeError `DB_UNEXPECTED` when `pg_controldata` does not print it. */
function positionIn(control: ReadonlyMap<string, string>, title: string): string {
  const lsn = control.get(title);
  if (lsn === undefined) throw new DrawbridgeError("DB_UNEXPECTED", `pg_controldata does not say "${title}"`);
  return lsn;
}

/** The report of a server that replays up to consistency. */
export async function startingFacts(context: AgentContext, server: LocalServer): Promise<AgentFacts> {
  const { record, lastSegment } = context;
  if (record?.segmentBytes === undefined) return { consistent: false };
  const control = await readControlData(server);
  const distance = bytesToConsistency({
    minRecoveryLsn: positionIn(control, "Minimum recovery ending location"),
    backupEndLsn: positionIn(control, "Backup end location"),
    redoLsn: positionIn(control, "Latest checkpoint's REDO location"),
    stopSegment: record.stopSegment,
    lastSegment,
    segmentBytes: record.segmentBytes,
  });
  return { consistent: false, bytesToConsistency: distance };
}
