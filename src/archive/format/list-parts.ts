import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { partsPrefix, type Backup } from "./list-backups.ts";

/** The objects that make up a base backup, in the order in which they have to be unpacked. */
export interface BackupParts {
  /** Independent of each other. */
  readonly partitions: readonly ObjectInfo[];
  /** WAL-G only: `backup_label.tar` and `pg_control.tar`, to be unpacked after the others and in this order. */
  readonly last: readonly ObjectInfo[];
}

/** An object of an archive and what is wrong with it. */
export interface Problem {
  readonly object: string;
  readonly reason: string;
}

/** `<object>: <reason>`. */
export function problemText({ object, reason }: Problem): string {
  return `${object}: ${reason}`;
}

/** A backup's parts as a listing has them. */
export interface SurveyedParts extends BackupParts {
  readonly problems: readonly Problem[];
  /**
   * Numbers that no part has. Where a manifest lists the parts they mean nothing: up to version 1 WAL-G gave numbers to parts that stayed
   * empty and were never stored, before the last one, with the label, always.
   */
  readonly gaps: readonly Problem[];
}

/** Lists a backup's tar partitions, and says all that is wrong with them. @throws DrawbridgeError what the store throws. */
export async function surveyParts(store: ObjectStore, backup: Backup, signal?: AbortSignal): Promise<SurveyedParts> {
  const prefix = partsPrefix(backup.name);
  const objects: ObjectInfo[] = [];
  for await (const object of store.list(prefix, signal ? { signal } : {})) objects.push(object);
  return { ...sortParts(objects, prefix), ...whatIsMissing(objects, backup, prefix) };
}

const numberedPart = /^part_(\d+)\.tar(?:\.\w+)?$/;
const specialPart = /^(pg_control|backup_label)\.tar(?:\.\w+)?$/;
// written by WAL-G's copy composer: files of an earlier backup that did not change
const copiedPart = /^copy_\d+\.tar(?:\.\w+)?$/;

function sortParts(objects: readonly ObjectInfo[], prefix: string): BackupParts {
  const named = (pattern: RegExp): ObjectInfo[] => objects.filter(({ key }) => pattern.test(key.slice(prefix.length)));
  const number = ({ key }: ObjectInfo): number => Number(numberedPart.exec(key.slice(prefix.length))?.[1]);
  const numbered = named(numberedPart).toSorted((a, b) => number(a) - number(b));
  // in key order backup_label comes before pg_control, which is the order they are wanted in
  return { partitions: [...numbered, ...named(copiedPart)], last: named(specialPart) };
}

/** Gaps in the numbers, numbers that come twice, and WAL-G's two extra partitions. Pure. */
function whatIsMissing(
  objects: readonly ObjectInfo[],
  backup: Backup,
  prefix: string,
): Pick<SurveyedParts, "problems" | "gaps"> {
  const problems: Problem[] = [];
  const gaps: Problem[] = [];
  const names = objects.map(({ key }) => key.slice(prefix.length));
  const isWalG = backup.sentinel.writer === "wal-g";
  const count = new Map<number, number>();
  for (const name of names) {
    const digits = numberedPart.exec(name)?.[1];
    if (digits !== undefined) count.set(Number(digits), (count.get(Number(digits)) ?? 0) + 1);
  }
  const [first, digits] = isWalG ? [1, 3] : [0, 8];
  const last = Math.max(...count.keys(), first - 1 + (backup.sentinel.partCount ?? 1));
  for (let number = first; number <= last && problems.length + gaps.length < 100; number += 1) {
    const found = count.get(number) ?? 0;
    const name = `${prefix}part_${String(number).padStart(digits, "0")}.tar`;
    if (found === 0) gaps.push({ object: name, reason: "it is missing" });
    if (found > 1) problems.push({ object: name, reason: `it is there ${found} times` });
  }
  const specials = names.map((name) => specialPart.exec(name)?.[1]).filter((word) => word !== undefined);
  for (const word of ["backup_label", "pg_control"]) {
    const found = specials.filter((one) => one === word).length;
    if (found > 1) problems.push({ object: `${prefix}${word}.tar`, reason: `it is there ${found} times` });
  }
  if (isWalG && !specials.includes("pg_control"))
    problems.push({ object: `${prefix}pg_control.tar`, reason: "it is missing" });
  return { problems, gaps };
}
