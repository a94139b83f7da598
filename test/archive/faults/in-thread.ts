import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { problemText, type Problem } from "../../../src/archive/format/list-parts.ts";
import { FileWriter } from "../../../src/archive/restore/file-writer.ts";
import { finishFiles, revealControlFile } from "../../../src/archive/restore/finish-restore.ts";
import { judgeBackup } from "../../../src/archive/restore/judge-backup.ts";
import { OpenPart } from "../../../src/archive/restore/open-part.ts";
import type { PartFacts } from "../../../src/archive/restore/part-facts.ts";
import { planRestore } from "../../../src/archive/restore/plan-restore.ts";
import { differsFromManifest } from "../../../src/archive/restore/read-parts.ts";
import type { ObjectInfo, ObjectStore } from "../../../src/archive/store/object-store.ts";
import { asDrawbridgeError, DrawbridgeError } from "../../../src/errors.ts";
import { makeArchive, type MadeArchive } from "../../support/archive-maker.ts";
import { faultStore, type FaultStore, objectsStore } from "../../support/fault-store.ts";
import { inMemoryDir } from "../restore/kit.ts";
import { treeIn, type Outcome } from "./kit.ts";

// A restore starts threads, which costs half a second of a busy processor: too much for thousands of cases. Here the same
// pieces (plan, part, judgement, finish) run one after the other in this thread, without journal, ranges and syncs.

/** Unpacks one object as a part worker does; what it left, or how it was refused. `home` is emptied first. */
export async function unpackObject(key: string, bytes: Buffer, home: string, pieceBytes = 5_000): Promise<Outcome> {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const target = { into: join(home, "pgdata"), tablespacesDir: join(home, "ts"), owner: undefined };
  const part = new OpenPart({ key, tellNames: false }, new FileWriter({ target, key, existing: "refused" }));
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) part.push(bytes.subarray(at, at + pieceBytes));
    part.end();
    return { restored: true, code: undefined, message: "", tree: treeIn(home) };
  } catch (thrown) {
    part.abandon();
    const { code, message } = asDrawbridgeError(thrown);
    return { restored: false, code, message, tree: new Map() };
  }
}

/** Restores the newest backup of a store into `home`, which is emptied first. */
export async function restoreInThread(store: ObjectStore, home: string): Promise<Outcome> {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  try {
    await run(store, home);
    return { restored: true, code: undefined, message: "", tree: treeIn(home) };
  } catch (thrown) {
    const { code, message } = asDrawbridgeError(thrown);
    return { restored: false, code, message, tree: treeIn(home) };
  }
}

async function run(store: ObjectStore, home: string): Promise<void> {
  const newest = (await listBackups(store)).at(-1);
  if (!newest) throw new DrawbridgeError("DB_ARCHIVE_INVALID", "no backup");
  const target = { into: join(home, "pgdata"), tablespacesDir: join(home, "ts"), owner: undefined };
  const plan = await planRestore({ store, backup: newest });
  refuseFirst(plan.problems);
  const read = async (objects: readonly ObjectInfo[], existing: "refused" | "replaced"): Promise<PartFacts[]> => {
    const found: PartFacts[] = [];
    for (const { key, etag } of objects) {
      const body = (await store.get(key, { ifMatch: etag }))?.body;
      const part = new OpenPart({ key, tellNames: false }, new FileWriter({ target, key, existing }));
      try {
        part.push(Buffer.concat((await body?.toArray()) ?? []));
        const facts = part.end();
        if (differsFromManifest(facts, plan)) refuseFirst([{ object: key, reason: "it differs from the manifest" }]);
        found.push(facts);
      } finally {
        part.abandon();
      }
    }
    return found;
  };
  const partitions = await read(plan.parts.partitions, "refused");
  const last = await read(plan.parts.last, "replaced");
  const { backup, systemIdentifiers } = plan;
  const judged = judgeBackup({ backup, partitions, last, systemIdentifiers, allowShortfallBytes: undefined });
  refuseFirst(judged.problems);
  const { tablespaceOids } = backup.sentinel;
  await finishFiles({ target, parts: [...partitions, ...last], judged, tablespaceOids, backupName: backup.name });
  await revealControlFile(target.into);
}

function refuseFirst([first]: readonly Problem[]): void {
  if (first) throw new DrawbridgeError("DB_ARCHIVE_INVALID", problemText(first));
}

/** An archive, and a store over it that can be told to err. */
export interface Case {
  readonly archive: MadeArchive;
  readonly store: FaultStore;
}

/** What a restore makes of an archive after something was done to it, and what it makes of the good one. */
export async function outcomeOf(
  spoil: (given: Case) => void,
  made: () => MadeArchive = makeArchive,
): Promise<Outcome & { readonly pristine: Outcome["tree"]; readonly asked: readonly string[] }> {
  const archive = made();
  const store = faultStore(objectsStore(archive.objects));
  return inMemoryDir(async (home) => {
    const good = await restoreInThread(store, home);
    expect(good.restored, good.message).toBe(true);
    const before = store.asked.length;
    spoil({ archive, store });
    const outcome = await restoreInThread(store, home);
    if (!outcome.restored) expect(outcome.tree.has("pgdata/global/pg_control")).toBe(false);
    return { ...outcome, pristine: good.tree, asked: store.asked.slice(before) };
  });
}
