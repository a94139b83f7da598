import { DrawbridgeError } from "../../errors.ts";
import { manifestKey, readManifest } from "../format/files-manifest.ts";
import type { Problem } from "../format/list-parts.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { cleanName } from "./member-fate.ts";
import type { PartFacts } from "./part-facts.ts";
import { partName, type RestorePlan } from "./plan-restore.ts";
import { runParts } from "./run-parts.ts";

/** How much of a list is told. */
const shownNames = 5;

/** Where a second look at parts takes place. */
export interface SecondLook {
  readonly store: ObjectStore;
  readonly plan: RestorePlan;
  readonly signal?: AbortSignal | undefined;
}

/** Whether a part held other names than WAL-G's manifest says. Pure. */
export function differsFromManifest(facts: PartFacts, plan: RestorePlan): boolean {
  const expected = plan.manifest?.get(partName(facts.key));
  if (!expected) return false;
  const { count, low, high } = facts.names;
  return count !== expected.count || low !== expected.low || high !== expected.high;
}

/** Reads a part and the manifest once more to say which files differ: the first pass keeps sums only. */
export async function nameDifference(look: SecondLook, part: ObjectInfo): Promise<Problem> {
  const { store, plan, signal } = look;
  const there = new Set(await namesIn(look, [part]));
  const missing: string[] = [];
  const known = new Set<string>();
  const compare = (partition: string, file: string): void => {
    if (partition !== partName(part.key)) return;
    const name = cleanName(file, part.key);
    known.add(name);
    if (!there.has(name)) missing.push(name);
  };
  await readManifest(store, manifestKey(plan.backup), compare, signal);
  const extra = [...there].filter((name) => !known.has(name));
  const told = [listed("lacks", missing), listed("has besides", extra)].filter((text) => text !== "").join("; ");
  return { object: part.key, reason: `it does not hold what its manifest says: ${told || "a file is in it twice"}` };
}

function listed(verb: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : "";
  return `it ${verb} ${names.slice(0, shownNames).join(", ")}${more}`;
}

/** Of these relation files, the ones that are in no part: what no disk can be asked for. */
export async function notInParts(look: SecondLook, wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  if (wanted.size === 0) return wanted;
  const { partitions } = look.plan.parts;
  const there = new Set(await namesIn(look, partitions, (name) => wanted.has(name)));
  return new Set([...wanted].filter((name) => !there.has(name)));
}

async function namesIn(
  { store, signal }: SecondLook,
  parts: readonly ObjectInfo[],
  keep: (name: string) => boolean = () => true,
): Promise<string[]> {
  const found: string[] = [];
  const onNames = (names: readonly string[]): void => {
    for (const name of names) if (keep(name)) found.push(name);
  };
  await runParts({
    store,
    signal,
    jobs: parts.map((object) => ({ object, existing: "refused", onNames })),
    target: undefined,
    onFetched: () => undefined,
    onWritten: () => undefined,
    onPart: () => undefined,
    onFault: (fault) => {
      throw new DrawbridgeError(fault.code, fault.message, { cause: fault, outcome: fault.outcome });
    },
  });
  return found;
}
