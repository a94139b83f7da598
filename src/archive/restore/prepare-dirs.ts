import { randomUUID } from "node:crypto";
import { chown, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import { ifThere } from "../host/if-there.ts";
import { claimFor, type ProcessClaim } from "../host/process-claim.ts";
import type { ExtractionTarget } from "./extract.ts";
import { exists } from "./finish-restore.ts";
import { controlFileInWaiting, stampName } from "./member-fate.ts";
import type { PartFacts } from "./part-facts.ts";
import {
  RestoreJournal,
  syncDirectory,
  whyOtherRestore,
  type RestoredRecord,
  type RestoreIdentity,
} from "./restore-journal.ts";
import { readSettledJournal, verdictPathOf } from "./sync-doubt.ts";

/** Where a restore stands when it is called. */
export type RestoreStart =
  | { readonly kind: "finished"; readonly restored: RestoredRecord }
  | {
      readonly kind: "begun" | "resumed";
      readonly journal: RestoreJournal;
      /** Parts that need not be fetched. */
      readonly done: ReadonlyMap<string, PartFacts>;
    };

/**
 * Takes the two directories for a restore: empty or absent ones are begun with, those of the same restore gone on with.
 * @throws DrawbridgeError `DB_BAD_INPUT` when they hold anything else; the disk is as before then.
 */
export async function startRestore(
  target: ExtractionTarget,
  journalPath: string,
  identity: RestoreIdentity,
  signal?: AbortSignal,
): Promise<RestoreStart> {
  const known = await readSettledJournal(journalPath, signal);
  const why = known && whyOtherRestore(known.identity, identity);
  if (known?.finished && why === undefined && (await exists(join(target.into, "global/pg_control")))) {
    await removeStamps(target);
    for (const path of [journalPath, verdictPathOf(journalPath)]) await rm(path, { force: true });
    return { kind: "finished", restored: known.finished };
  }
  if (known && (await isStampedBy(known.id, target))) {
    if (why !== undefined) {
      throw new DrawbridgeError(
        "DB_BAD_INPUT",
        `${target.into} holds a restore that broke off, and it cannot be gone on with: ${why}. ` +
          `Empty it and ${target.tablespacesDir}, and remove ${journalPath}, to begin anew`,
      );
    }
    await takeBackControlFile(target.into);
    return { kind: "resumed", journal: await RestoreJournal.goOn(journalPath, known.id), done: known.done };
  }
  const both = [target.into, target.tablespacesDir];
  for (const path of both) await makeEmptyDir(path, target);
  // after a power loss the journal must not be of directories whose stamps are not there: nobody could go on with them
  const id = randomUUID();
  for (const path of both) await stamp(path, id);
  return { kind: "begun", journal: await RestoreJournal.begin(journalPath, identity, id), done: new Map() };
}

/**
 * Keeps every other restore out of the directory until it is disposed of: a second one would go on with the first one's files under its hands,
 * and the first would write into a server that the second has left ready.
 * @throws DrawbridgeError `DB_BAD_INPUT` that names the process which is at work there.
 */
export async function claimRestore(into: string, journalPath: string): Promise<ProcessClaim> {
  const above = dirname(resolve(journalPath));
  const firstMade = await mkdir(above, { recursive: true });
  if (firstMade !== undefined) await syncNames(above, dirname(resolve(firstMade)));
  const claim = await claimFor(`${journalPath}.claim`);
  if (typeof claim !== "number") return claim;
  throw new DrawbridgeError(
    "DB_BAD_INPUT",
    `another restore (process ${claim}) is at work in ${into}; wait for its end, or stop it and go on with the same command`,
  );
}

/** The directories are the server's from here on. */
export async function removeStamps(target: ExtractionTarget): Promise<void> {
  for (const path of [target.tablespacesDir, target.into]) await rm(join(path, stampName), { force: true });
  await syncDirectory(target.into);
}

/** Both directories: a volume that is not mounted any more must not pass for the one that was unpacked into. */
async function isStampedBy(id: string, { into, tablespacesDir }: ExtractionTarget): Promise<boolean> {
  for (const path of [into, tablespacesDir]) {
    const found = await ifThere(readFile(join(path, stampName), "utf8"));
    if (found !== id) return false;
  }
  return true;
}

/** Marks a directory as the journal's, for good. */
async function stamp(directory: string, id: string): Promise<void> {
  {
    await using file = await open(join(directory, stampName), "w", 0o600);
    await file.writeFile(id);
    await file.sync();
  }
  await syncDirectory(directory);
}

/** Broken off between the last rename and the end of the journal: what is checked again must not be startable meanwhile. */
async function takeBackControlFile(into: string): Promise<void> {
  if (await exists(join(into, "postmaster.pid")))
    throw new DrawbridgeError("DB_BAD_INPUT", `a server has been started in ${into}, which is not restored yet`);
  if (!(await exists(join(into, "global/pg_control")))) return;
  await rename(join(into, "global/pg_control"), join(into, controlFileInWaiting));
}

async function makeEmptyDir(path: string, { owner }: ExtractionTarget): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true, mode: 0o700 });
  if (firstMade !== undefined) await syncNames(resolve(path), dirname(resolve(firstMade)));
  const entries = (await readdir(path)).filter((name) => name !== stampName);
  if (entries.length > 0) {
    throw new DrawbridgeError(
      "DB_BAD_INPUT",
      `${path} is not empty (${entries.slice(0, 3).join(", ")}); a restore needs an empty directory`,
    );
  }
  if (owner) await chown(path, owner.uid, owner.gid);
}

/** Makes the names of new directories last, from `path` up to the one below `top`. */
async function syncNames(path: string, top: string): Promise<void> {
  for (let at = dirname(path); ; at = dirname(at)) {
    await syncDirectory(at);
    if (at === top || at === dirname(at)) return;
  }
}
