import { parseSegmentName, parseWalLsn } from "../archive/format/wal-names.ts";
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

/** The report of a server that replays up to consistency. */
export async function startingFacts(context: AgentContext, server: LocalServer): Promise<AgentFacts> {
  const { record, lastSegment } = context;
  if (record?.segmentBytes === undefined) return { consistent: false };
  const control = await readControlData(server);
  const distance = bytesToConsistency({
    minRecoveryLsn: control.get("Minimum recovery ending location") ?? "0/0",
    backupEndLsn: control.get("Backup end location") ?? "0/0",
    redoLsn: control.get("Latest checkpoint's REDO location") ?? "0/0",
    stopSegment: record.stopSegment,
    lastSegment,
    segmentBytes: record.segmentBytes,
  });
  return { consistent: false, bytesToConsistency: distance };
}
