import { problemText } from "../../archive/format/list-parts.ts";
import { type ArchiveCheck, checkArchive, type CheckedArchive } from "../../archive/standalone/check-archive.ts";
import { chooseNamed, latestByTime } from "../../archive/standalone/choose.ts";
import { surveyArchive } from "../../archive/standalone/survey.ts";
import type { ObjectStore } from "../../archive/store/object-store.ts";
import { exitStatus } from "./exit-status.ts";
import { openProgress } from "./progress.ts";
import { type ArchiveOptions, runArchive, say, sayNote, writeResult } from "./run-archive.ts";
import { formatBytes } from "./words.ts";

/** Options of `drawbridge archive check`. */
export interface CheckOptions extends ArchiveOptions {
  readonly backup: string;
  /** Bytes. */
  readonly allowShortfall?: number;
}

/** `drawbridge archive check`: reads what a restore would read, writes nothing, and names all that is wrong. */
export async function checkCommand(options: CheckOptions): Promise<void> {
  await runArchive(options, async ({ store, place, signal, begun }) => {
    const { backups, segmentBytes } = await surveyArchive(store, signal);
    const backup = chooseNamed(backups, options.backup, place);
    sayNote(latestByTime(backups, options.backup));
    say(`Checking ${backup.name} and its WAL.`);
    begun();
    const allowShortfallBytes = options.allowShortfall;
    const checked = await checkAloud(store, { backup, segmentBytes, allowShortfallBytes, signal });
    writeResult(options.json === true, asJson(place, backup.name, checked), () => asText(place, backup.name, checked));
    return checked.findings.length === 0 ? 0 : exitStatus.refused;
  });
}

/** Checks, and tells on the terminal how far it is; that is wiped out before the result is printed. */
async function checkAloud(store: ObjectStore, check: Omit<ArchiveCheck, "onBase" | "onWal">): Promise<CheckedArchive> {
  using base = openProgress("parts", process.stderr);
  using wal = openProgress("WAL", process.stderr);
  const { segmentBytes } = check;
  return await checkArchive(store, {
    ...check,
    onBase: (bytesDone, bytesTotal, note) => base.tell({ bytesDone, bytesTotal, note }),
    onWal: (done, total) =>
      wal.tell({ bytesDone: done * segmentBytes, bytesTotal: total * segmentBytes, note: `file ${done}` }),
  });
}

function asJson(prefix: string, backup: string, { findings, base, walFiles, lastSegment }: CheckedArchive): object {
  return {
    prefix,
    backup,
    isGood: findings.length === 0,
    parts: base.parts,
    storedBytes: base.partBytes,
    files: base.files,
    fileBytes: base.fileBytes,
    systemIdentifier: base.systemIdentifier?.toString() ?? null,
    walFiles,
    lastSegment: lastSegment ?? null,
    findings,
    unverified: base.unverified.map(({ object, reason }) => ({ object, detail: reason })),
  };
}

function asText(place: string, backup: string, checked: CheckedArchive): string {
  const { findings, base, walFiles, lastSegment } = checked;
  const read =
    `${base.parts} parts (${formatBytes(base.partBytes)}), ${base.files} files (${formatBytes(base.fileBytes)}), ` +
    `${walFiles} WAL files${lastSegment === undefined ? "" : `, up to ${lastSegment}`}`;
  const unverified = base.unverified.map((one) => `\nNot verified: ${problemText(one)}.`).join("");
  if (findings.length === 0) return `${backup} is good: ${read}.${unverified}`;
  const lines = findings.map(({ object, rule, detail }) => {
    // most messages name their object already
    return `  ${rule.padEnd(11)}  ${detail.startsWith(object) ? detail : `${object}: ${detail}`}`;
  });
  const count = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
  return `${backup} in ${place} has ${count}. Read: ${read}.\n${lines.join("\n")}${unverified}`;
}
