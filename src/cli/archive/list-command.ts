import { sayMissing } from "../../archive/format/missing-wal.ts";
import { formatWalLsn } from "../../archive/format/wal-names.ts";
import { latest, whatPrefixNames } from "../../archive/standalone/choose.ts";
import { listArchive, type ListedFacts } from "../../archive/standalone/survey.ts";
import { type ArchiveOptions, runArchive, say, writeResult } from "./run-archive.ts";
import { formatBytes, formatMoment, formatTable } from "./words.ts";

/** Options of `drawbridge archive list`. */
export type ListOptions = ArchiveOptions;

/** `drawbridge archive list`: what can be said without reading the backups. */
export async function listCommand(options: ListOptions): Promise<void> {
  await runArchive(options, async ({ store, place, signal }) => {
    const { backups, segmentBytes } = await listArchive(store, signal);
    const newest = backups.at(-1)?.name;
    writeResult(
      options.json === true,
      { prefix: place, segmentBytes, latest: newest ?? null, backups: backups.map((one) => asJson(one, newest)) },
      () => asText(backups, place),
    );
    if (backups.length === 0) {
      say(`Nothing under ${place}/basebackups_005/; ${whatPrefixNames}.`);
    }
  });
}

function asJson(one: ListedFacts, newest: string | undefined): object {
  const { backup } = one;
  return {
    name: one.name,
    isLatest: one.name === newest,
    writer: backup?.sentinel.writer ?? null,
    finishedAt: one.finishedAt.toISOString(),
    postgresql: one.pgVersion ?? null,
    systemIdentifier: backup?.sentinel.systemIdentifier?.toString() ?? null,
    timeline: one.timeline,
    startLsn: backup ? formatWalLsn(backup.startLsn) : null,
    startSegment: one.startSegment,
    stopSegment: backup?.stopSegment ?? null,
    parts: one.parts,
    compressedBytes: one.compressedBytes,
    expandedBytes: backup?.sentinel.expandedSizeBytes ?? null,
    deltaFrom: backup?.sentinel.deltaFrom ?? null,
    isEncrypted: one.isEncrypted,
    isRestorable: one.refusal === undefined,
    refusal: one.refusal ?? null,
    wal: {
      isComplete: one.wal.missing.length === 0,
      firstMissing: one.wal.missing[0] ?? null,
      lastSegment: one.wal.newest?.name ?? null,
      lastStoredAt: one.wal.newest?.lastModified.toISOString() ?? null,
    },
  };
}

function asText(backups: readonly ListedFacts[], place: string): string {
  if (backups.length === 0) return `${place}: no completed base backup`;
  const headings = ["NAME", "WRITER", "FINISHED", "PG", "EXPANDED", "STORED", "TLI", "START", "WAL TO NOW", "MARKS"];
  const rows = backups.map((one, at) => [
    one.name,
    one.backup?.sentinel.writer ?? "?",
    formatMoment(one.finishedAt),
    one.pgVersion ?? "?",
    bytesOr(one.backup?.sentinel.expandedSizeBytes),
    bytesOr(one.compressedBytes),
    String(one.timeline),
    one.backup ? formatWalLsn(one.backup.startLsn) : "?",
    one.wal.missing.length === 0 ? `to ${one.wal.newest?.name ?? "?"}` : sayMissing(one.wal.missing.slice(0, 1)),
    marksOf(one, at === backups.length - 1).join(", "),
  ]);
  const notes = backups.filter(({ refusal }) => refusal !== undefined);
  const why = notes.map(({ name, refusal }) => `\n${name} cannot be restored: ${refusal}`);
  return `${formatTable(headings, rows)}${why.length === 0 ? "" : `\n${why.join("")}`}`;
}

function marksOf(one: ListedFacts, isLatest: boolean): string[] {
  const delta = one.backup?.sentinel.deltaFrom;
  return [
    ...(isLatest ? [latest] : []),
    ...(delta === undefined ? [] : [`delta on ${delta}`]),
    ...(one.isEncrypted ? ["encrypted"] : []),
    ...(one.backup === undefined ? ["sentinel unreadable"] : []),
  ];
}

function bytesOr(bytes: number | undefined): string {
  return bytes === undefined ? "?" : formatBytes(bytes);
}
