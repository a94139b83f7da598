import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { restoreBaseBackup, type RestoreOptions } from "../../../src/archive/restore/restore.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";
import { asDrawbridgeError, type Code } from "../../../src/errors.ts";
import { type MadeArchive, makeArchive, type MadeArchiveOptions } from "../../support/archive-maker.ts";
import { type FaultStore, faultStore, objectsStore } from "../../support/fault-store.ts";
import { inMemoryDir } from "../restore/kit.ts";

/** How a restore ended, and what it left. */
export interface Outcome {
  readonly restored: boolean;
  /** Of the refusal. */
  readonly code: Code | undefined;
  readonly message: string;
  /** Name and content of every file; of a refused restore as well. */
  readonly tree: ReadonlyMap<string, string>;
}

/**
 * Restores the newest backup of a store into a fresh directory, and again after `again`, when that is given. Whatever was
 * refused must not be able to start: that is proven here for all tests.
 */
export async function restoreFrom(
  store: ObjectStore,
  { again, ...more }: Partial<RestoreOptions> & { readonly again?: () => void } = {},
): Promise<Outcome> {
  return inMemoryDir(async (home) => {
    const first = await attempt(store, home, more);
    if (!again) return first;
    again();
    return attempt(store, home, more);
  });
}

async function attempt(store: ObjectStore, home: string, more: Partial<RestoreOptions>): Promise<Outcome> {
  const into = join(home, "pgdata");
  const canStart = (): boolean => existsSync(join(into, "global/pg_control"));
  try {
    const backup = (await listBackups(store)).at(-1);
    if (!backup) throw new Error("the archive has no backup");
    await restoreBaseBackup({ store, backup, into, tablespacesDir: join(home, "ts"), concurrency: 1, ...more });
  } catch (thrown) {
    const { code, message } = asDrawbridgeError(thrown);
    expect(canStart(), `a server could start after: ${message}`).toBe(false);
    return { restored: false, code, message, tree: treeIn(home) };
  }
  expect(canStart()).toBe(true);
  expect(existsSync(`${into}.restore-journal`)).toBe(false);
  return { restored: true, code: undefined, message: "", tree: treeIn(home) };
}

/** Files below the two directories of a restore, with their content; links with where they lead. */
export function treeIn(home: string): Map<string, string> {
  const tree = new Map<string, string>();
  const look = (name: string): void => {
    for (const entry of readdirSync(join(home, name), { withFileTypes: true })) {
      const inner = join(name, entry.name);
      if (entry.isDirectory()) look(inner);
      else if (entry.isSymbolicLink()) tree.set(inner, readlinkSync(join(home, inner)).replace(home, ""));
      else tree.set(inner, readFileSync(join(home, inner)).toString("latin1").replaceAll(home, ""));
      if (entry.isDirectory()) tree.set(`${inner}/`, "");
    }
  };
  look("");
  return tree;
}

/** An archive, a store over it that can be told to err, and what its undisturbed restore leaves. */
export interface FaultWorld {
  readonly archive: MadeArchive;
  readonly store: FaultStore;
  readonly pristine: ReadonlyMap<string, string>;
}

/** Makes an archive and restores it once. */
export async function makeFaultWorld(options: MadeArchiveOptions = {}): Promise<FaultWorld> {
  const archive = makeArchive(options);
  const store = faultStore(objectsStore(archive.objects));
  const { restored, message, tree } = await restoreFrom(store);
  expect(restored, message).toBe(true);
  return { archive, store, pristine: tree };
}

/** Expects that a restore was refused with this code and these words. */
export function expectRefused(outcome: Outcome, code: Code, words: RegExp): void {
  expect(outcome).toMatchObject({ restored: false, code });
  expect(outcome.message).toMatch(words);
}

/** Expects that the restore left exactly what an undisturbed one leaves. */
export function expectRestored(outcome: Outcome, pristine: ReadonlyMap<string, string>): void {
  expect(outcome.restored, outcome.message).toBe(true);
  expect(outcome.tree).toEqual(pristine);
}
