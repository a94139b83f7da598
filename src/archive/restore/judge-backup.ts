import { asDrawbridgeError } from "../../errors.ts";
import { chooseLabel, type LabelSources } from "../format/backup-label.ts";
import { parseControlFile, whyNotOfMajor, type ControlFile } from "../format/control-file.ts";
import type { Backup } from "../format/list-backups.ts";
import type { Problem } from "../format/list-parts.ts";
import { segmentBeforeIt } from "./member-fate.ts";
import { requiredNames, type PartFacts } from "./part-facts.ts";

/** All that is known when every part has been read. */
export interface BackupEvidence {
  readonly backup: Backup;
  readonly partitions: readonly PartFacts[];
  /** WAL-G's `backup_label.tar` and `pg_control.tar`. */
  readonly last: readonly PartFacts[];
  /** The source's (`of` is "the source is"), and what the archive's own WAL says. */
  readonly systemIdentifiers: readonly { readonly of: string; readonly value: bigint }[];
  readonly allowShortfallBytes: number | undefined;
}

/** What was found, and all that is wrong with it. */
export interface Judgement {
  readonly problems: readonly Problem[];
  readonly control: ControlFile | undefined;
  readonly pgMajor: number | undefined;
  readonly label: string | undefined;
  readonly tablespaceMap: string;
  readonly fileBytes: number;
  /** Names of relation files that have to exist because a later segment does; large ones are known to. */
  readonly wantedFiles: readonly { readonly name: string; readonly because: string }[];
}

/** Judges what the parts held against what sentinel, name and source say. Pure. */
export function judgeBackup(evidence: BackupEvidence): Judgement {
  const { backup, partitions, last } = evidence;
  const all = [...partitions, ...last];
  const problems: Problem[] = [];
  const wrong = (reason: string): void => void problems.push({ object: backup.name, reason });
  const required = new Set(all.flatMap((part) => part.required));
  for (const name of requiredNames) if (!required.has(name)) wrong(`${name} is in none of its parts`);
  const fileBytes = all.reduce((sum, part) => sum + part.fileBytes, 0);
  const size = sizeProblem(evidence, fileBytes);
  if (size !== undefined) wrong(size);
  const major = kept(all, "PG_VERSION")?.trim();
  const pgMajor = major === undefined ? undefined : Number.parseInt(major, 10);
  const { control, problems: controlProblems } = judgeControl(evidence, all, pgMajor);
  controlProblems.forEach(wrong);
  const { label, problem: labelProblem } = judgeLabel(evidence);
  if (labelProblem !== undefined) problems.push(labelProblem);
  const ownMap = kept(last, "tablespace_map");
  const tablespaceMap = ownMap ?? backup.sentinel.tablespaceMap ?? kept(partitions, "tablespace_map") ?? "";
  return { problems, control, pgMajor, label, tablespaceMap, fileBytes, wantedFiles: wantedFiles(all) };
}

/** Relations dropped during the backup are announced but absent; a lost last part shows in no other way. */
function sizeProblem(evidence: BackupEvidence, fileBytes: number): string | undefined {
  const { backup, allowShortfallBytes } = evidence;
  const expected = backup.sentinel.expandedSizeBytes;
  if (expected === undefined) return undefined;
  const shortfall = expected - fileBytes;
  const allowed = allowShortfallBytes ?? 1024 * 1024 + Math.round(expected / 50);
  const told = `its parts hold ${fileBytes} bytes of ${expected} announced`;
  if (shortfall > allowed) return `${told}; a part is missing or cut (${lifted})`;
  if (allowShortfallBytes === undefined && shortfall > 0 && mayLackLastPart(evidence, shortfall))
    return `${told}; the last part may be missing (${lifted})`;
  // WAL-E cuts what grows at the size that it announced; only a part that is there twice makes it more
  if (backup.sentinel.writer === "wal-e" && fileBytes > expected)
    return `${told}; a part is there twice, or of another backup`;
  return undefined;
}

const lifted = "or relations were dropped meanwhile: `archive restore --allow-shortfall` takes it";

/** WAL-E closes a part at these (`tar_partition.py`); the bytes can be configured. */
const closedAtBytes = 1_610_612_736;
const closedAtMembers = 6144;

/**
 * A part is closed only when the next file does not fit. Had another part followed, its first file, which is no larger than
 * what is missing, would not have fitted into the last one that is there; and whatever was put into a part did fit. So a
 * last part with room for all that is missing proves that files vanished while the backup ran and no part was lost. How much
 * fits is seen from the other parts; with one part alone it is taken for the usual.
 */
function mayLackLastPart({ backup, partitions }: BackupEvidence, shortfall: number): boolean {
  const last = partitions.at(-1);
  if (!last || backup.sentinel.partCount !== undefined) return false;
  const others = partitions.slice(0, -1).map(({ fileBytes }) => fileBytes);
  const fitted = others.length === 0 ? closedAtBytes : Math.max(...others, last.fileBytes);
  return last.members >= closedAtMembers || last.fileBytes + shortfall >= fitted;
}

function judgeControl(
  { backup, systemIdentifiers }: BackupEvidence,
  parts: readonly PartFacts[],
  pgMajor: number | undefined,
): { control: ControlFile | undefined; problems: string[] } {
  const bytes = keptBytes(parts, "global/pg_control");
  if (!bytes) return { control: undefined, problems: [] };
  let control: ControlFile;
  try {
    control = parseControlFile(bytes);
  } catch (thrown) {
    return { control: undefined, problems: [asDrawbridgeError(thrown).message] };
  }
  const problems: string[] = [];
  const otherForm = pgMajor === undefined ? undefined : whyNotOfMajor(control, pgMajor);
  if (otherForm !== undefined) problems.push(otherForm);
  const announced = backup.sentinel.pgVersionNum;
  if (announced !== undefined && pgMajor !== undefined && Math.floor(announced / 10_000) !== pgMajor)
    problems.push(`it is of PostgreSQL ${pgMajor}, its sentinel says ${announced}`);
  const { systemIdentifier } = backup.sentinel;
  const own = systemIdentifier === undefined ? [] : [{ of: "its sentinel says", value: systemIdentifier }];
  for (const { of, value } of [...own, ...systemIdentifiers]) {
    if (value !== control.systemIdentifier)
      problems.push(`it is of cluster ${control.systemIdentifier}, ${of} ${value}`);
  }
  return { control, problems };
}

function judgeLabel({ backup, partitions, last }: BackupEvidence): { label?: string; problem?: Problem } {
  const inPartitions = partitions.map((part) => kept([part], "backup_label")).filter((text) => text !== undefined);
  const sources: LabelSources = {
    ownPart: kept(last, "backup_label"),
    sentinel: backup.sentinel.backupLabel,
    partitions: inPartitions,
  };
  try {
    return { label: chooseLabel(sources, backup) };
  } catch (thrown) {
    const words = asDrawbridgeError(thrown).message;
    return { problem: { object: backup.name, reason: words.slice(words.indexOf(": ") + 2) } };
  }
}

/** `base/1/16384.2` needs `.1` and the first one; what was seen large is known to be there. */
function wantedFiles(parts: readonly PartFacts[]): Judgement["wantedFiles"] {
  const there = new Set(parts.flatMap((part) => [...part.laterSegments, ...part.largeFiles]));
  return parts
    .flatMap((part) => part.laterSegments)
    .flatMap((because) => {
      const name = segmentBeforeIt(because);
      return name === undefined || there.has(name) ? [] : [{ name, because }];
    });
}

function keptBytes(parts: readonly PartFacts[], name: string): Buffer | undefined {
  const found = parts.map((part) => part.kept[name]).findLast((text) => text !== undefined);
  return found === undefined ? undefined : Buffer.from(found, "base64");
}

function kept(parts: readonly PartFacts[], name: string): string | undefined {
  return keptBytes(parts, name)?.toString("utf8");
}
