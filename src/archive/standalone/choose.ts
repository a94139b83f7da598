import { DrawbridgeError } from "../../errors.ts";
import type { Backup } from "../format/list-backups.ts";
import type { SurveyedFacts } from "./survey.ts";

/** The name that stands for the newest backup. */
export const latest = "LATEST";

/** Said wherever an archive turns out to be none. */
export const whatPrefixNames = "--prefix names the folder that holds basebackups_005 and wal_005";

/**
 * The backup that a person asked for. `LATEST` is the newest one by timeline and position and never silently an older one:
 * where the newest cannot be restored, the error names the one that can. Pure.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that says what to type instead.
 */
export function chooseWanted(backups: readonly SurveyedFacts[], wanted: string, place: string): Backup {
  const asked = find(backups, wanted, place);
  if (asked.refusal === undefined && asked.backup !== undefined) return asked.backup;
  const other = backups.findLast((one) => one.refusal === undefined && one !== asked);
  const what = wanted === latest ? `the newest backup, ${asked.name}, cannot` : `${asked.name} cannot`;
  const way =
    other === undefined
      ? "no other backup in this archive can be restored either"
      : `give --backup ${other.name}, which can`;
  throw invalid(`${what} be restored: ${asked.refusal ?? "its sentinel cannot be read"}; ${way}`);
}

/** As {@link chooseWanted}, but also one that cannot be restored, as long as its sentinel can be read. Pure. */
export function chooseNamed(backups: readonly SurveyedFacts[], wanted: string, place: string): Backup {
  const asked = find(backups, wanted, place);
  return asked.backup ?? chooseWanted(backups, wanted, place);
}

/**
 * What is to be said where `LATEST`, the newest by timeline and position in WAL, was not the last one to be finished: after a failover
 * and back, or clocks that differ. Pure. @returns `undefined` where they are the same, or a name was given.
 */
export function latestByTime(backups: readonly SurveyedFacts[], wanted: string): string | undefined {
  const newest = backups.at(-1);
  if (wanted !== latest || newest === undefined) return undefined;
  const last = backups.reduce((a, b) => (b.finishedAt > a.finishedAt ? b : a), newest);
  if (last === newest) return undefined;
  return (
    `${latest} is ${newest.name}, the newest by timeline and position in WAL (${newest.finishedAt.toISOString()}); ` +
    `${last.name} was finished later (${last.finishedAt.toISOString()}) and has to be named if it is meant`
  );
}

function find(backups: readonly SurveyedFacts[], wanted: string, place: string): SurveyedFacts {
  const newest = backups.at(-1);
  if (newest === undefined) throw invalid(`${place} holds no completed base backup; ${whatPrefixNames}`);
  const asked = wanted === latest ? newest : backups.find(({ name }) => name === wanted);
  if (asked !== undefined) return asked;
  const names = [latest, ...backups.map(({ name }) => name)];
  throw invalid(`${place} holds no base backup ${wanted}; did you mean ${nearest(wanted, names).join(" or ")}?`);
}

/** Up to three names that are most like what was typed, best first. Pure. */
export function nearest(typed: string, names: readonly string[]): string[] {
  const scored = names.map((name) => ({ name, cost: distance(typed.toLowerCase(), name.toLowerCase()) }));
  return scored
    .sort((a, b) => a.cost - b.cost)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein's: how many letters have to be put in, taken out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function invalid(what: string): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", what);
}
