import { systemClock } from "../../clock.ts";
import type { DrawbridgeError } from "../../errors.ts";
import type { Backup } from "../format/list-backups.ts";
import type { Problem } from "../format/list-parts.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { judgeBackup, type Judgement } from "./judge-backup.ts";
import type { PartFacts } from "./part-facts.ts";
import { planRestore, type RestorePlan } from "./plan-restore.ts";
import { differsFromManifest, nameDifference, notInParts } from "./read-parts.ts";
import { ProgressMeter, type RestoreProgress } from "./restore-progress.ts";
import { runParts } from "./run-parts.ts";

/** Which backup is to be checked. */
export interface CheckOptions {
  readonly store: ObjectStore;
  readonly backup: Backup;
  /** The source's; an archive of another cluster is a problem. */
  readonly systemIdentifier?: bigint | undefined;
  readonly concurrency?: number | undefined;
  readonly allowShortfallBytes?: number | undefined;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a check found. Without problems the backup restores. */
export interface CheckedBackup {
  readonly problems: readonly Problem[];
  /** What could not be verified: no proof that something is wrong. */
  readonly unverified: readonly Problem[];
  readonly parts: number;
  /** Sum of the sizes of the parts as they lie in the archive. */
  readonly partBytes: number;
  /** Sums over the parts that could be read. */
  readonly files: number;
  readonly fileBytes: number;
  readonly systemIdentifier: bigint | undefined;
  readonly pgMajor: number | undefined;
}

/**
 * Reads a base backup as a restore would, but writes nothing, goes on after what is wrong, and tells all of it.
 * @throws DrawbridgeError `DB_ARCHIVE_ACCESS`, `DB_CONNECTION`, `DB_ABORTED`: when the check itself could not be done.
 */
export async function checkBaseBackup(options: CheckOptions): Promise<CheckedBackup> {
  const plan = await planRestore(options);
  const objects = [...plan.parts.partitions, ...plan.parts.last];
  const partBytes = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { facts, problems } = await readAll(options, plan, objects, partBytes);
  const judged = judge(options, plan, facts);
  const missing = await missingSegments(options, plan, judged, problems.length === 0);
  // what the whole lacks because a part cannot be read is the part's problem, told already
  const ofWhole = facts.size === objects.length ? [...judged.problems, ...missing] : [];
  return {
    problems: [...plan.problems, ...problems, ...ofWhole],
    unverified: plan.unverified,
    parts: objects.length,
    partBytes,
    files: [...facts.values()].reduce((sum, part) => sum + part.members, 0),
    fileBytes: judged.fileBytes,
    systemIdentifier: judged.control?.systemIdentifier,
    pgMajor: judged.pgMajor,
  };
}

async function readAll(
  options: CheckOptions,
  plan: RestorePlan,
  objects: readonly ObjectInfo[],
  fetchTotalBytes: number,
): Promise<{ facts: ReadonlyMap<string, PartFacts>; problems: Problem[] }> {
  const { store, signal, onProgress } = options;
  const facts = new Map<string, PartFacts>();
  const problems: Problem[] = [];
  const bytesTotal = plan.backup.sentinel.expandedSizeBytes;
  const partsTotal = objects.length;
  const meter = new ProgressMeter({ partsTotal, bytesTotal, fetchTotalBytes, clock: systemClock, tell: onProgress });
  // one after the other: each reads a part again, in memory of its own
  let looking: Promise<unknown> = Promise.resolve();
  const lookAgain = async (object: ObjectInfo): Promise<Problem> => {
    const look = looking.then(() => nameDifference({ store, plan, signal }, object));
    looking = look.catch(() => undefined);
    return look;
  };
  await runParts({
    store,
    signal,
    lanes: options.concurrency,
    target: undefined,
    jobs: objects.map((object) => ({ object, existing: "refused" })),
    onFetched: (bytes) => meter.fetched(bytes),
    onWritten: () => undefined,
    onPart: async (part, { object }) => {
      if (differsFromManifest(part, plan)) problems.push(await lookAgain(object));
      facts.set(part.key, part);
      meter.wrote(part.fileBytes);
      meter.partDone();
    },
    onFault: (fault, { object }) => {
      problems.push(problemOf(fault, object));
      meter.partDone();
    },
  });
  return { facts, problems };
}

/** Damage is what a check is for; anything else means that it could not be done. */
function problemOf(fault: DrawbridgeError, { key }: ObjectInfo): Problem {
  if (fault.code !== "DB_ARCHIVE_INVALID") throw fault;
  return {
    object: key,
    reason: fault.message.startsWith(`${key}: `) ? fault.message.slice(key.length + 2) : fault.message,
  };
}

function judge(options: CheckOptions, plan: RestorePlan, facts: ReadonlyMap<string, PartFacts>): Judgement {
  const of = (objects: readonly ObjectInfo[]): PartFacts[] =>
    objects.map(({ key }) => facts.get(key)).filter((part) => part !== undefined);
  const { backup, systemIdentifiers } = plan;
  const { allowShortfallBytes } = options;
  const [partitions, last] = [of(plan.parts.partitions), of(plan.parts.last)];
  return judgeBackup({ backup, partitions, last, systemIdentifiers, allowShortfallBytes });
}

/** A restore asks the disk for these; a check has to look through the parts again, which is seldom needed. */
async function missingSegments(
  { store, signal }: CheckOptions,
  plan: RestorePlan,
  judged: Judgement,
  isReadable: boolean,
): Promise<Problem[]> {
  if (!isReadable) return [];
  const wanted = new Set(judged.wantedFiles.map(({ name }) => name));
  const missing = await notInParts({ store, plan, signal }, wanted);
  return judged.wantedFiles
    .filter(({ name }) => missing.has(name))
    .map(({ name, because }) => ({ object: plan.backup.name, reason: `${name} is missing, ${because} is there` }));
}
