import { randomUUID } from "node:crypto";
import { type FileHandle, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { DrawbridgeError } from "../../errors.ts";
import { bootId } from "../host/boot-id.ts";
import { ifThere } from "../host/if-there.ts";
import type { PartFacts } from "./part-facts.ts";
import type { SyncName } from "./sync-program.ts";

/** What a restore was begun with. A journal of anything else is not gone on with. */
const beginShape = z.object({
  type: z.literal("begin"),
  version: z.literal(1),
  /** Also in the directories' stamps: proves that the journal is of these directories. */
  id: z.string(),
  backup: z.object({ name: z.string(), completedAt: z.string(), startLsn: z.string(), stopSegment: z.string() }),
  into: z.string(),
  tablespacesDir: z.string(),
  owner: z.object({ uid: z.number(), gid: z.number() }).optional(),
  /** Etag of each part by its key. */
  parts: z.record(z.string(), z.string()),
});

/** Here and not beside the type: the threads that unpack need no validation, and start the sooner without it. */
const factsShape: z.ZodType<PartFacts> = z.object({
  key: z.string(),
  members: z.number(),
  fileBytes: z.number(),
  tablespaceOids: z.array(z.string()),
  laterSegments: z.array(z.string()),
  largeFiles: z.array(z.string()),
  hardLinks: z.array(z.object({ name: z.string(), target: z.string() })),
  leftOut: z.array(z.string()).default([]),
  required: z.array(z.string()),
  names: z.object({ count: z.number(), low: z.number(), high: z.number() }),
  kept: z.record(z.string(), z.string()),
});

const restoredShape = z.object({
  systemIdentifier: z.string(),
  pgMajor: z.number(),
  fileBytes: z.number(),
  parts: z.number(),
  tablespaceOids: z.array(z.string()),
  leftOut: z.array(z.string()).default([]),
});

const lineShape = z.discriminatedUnion("type", [
  beginShape,
  z.object({ type: z.literal("written"), boot: z.string(), facts: factsShape }),
  z.object({ type: z.literal("syncing"), pid: z.number(), start: z.string(), number: z.number() }),
  z.object({ type: z.literal("synced"), keys: z.array(z.string()) }),
  z.object({ type: z.literal("lost") }),
  z.object({ type: z.literal("finished"), restored: restoredShape }),
]);

type Line = z.infer<typeof lineShape>;
/** See {@link beginShape}; the id is given by the journal itself. */
export type RestoreIdentity = Omit<z.infer<typeof beginShape>, "type" | "version" | "id">;
/** What a finished restore says of itself, as JSON can hold it. */
export type RestoredRecord = z.infer<typeof restoredShape>;

/** What a journal knows. */
export interface JournalContent {
  readonly id: string;
  readonly identity: RestoreIdentity;
  /** Parts that need not be fetched again. */
  readonly done: ReadonlyMap<string, PartFacts>;
  /** A sync that was asked for, and of which nothing more is told. */
  readonly inDoubt: SyncName | undefined;
  readonly finished: RestoredRecord | undefined;
}

/**
 * Reads a journal (JSON lines, appended to). A part that was only written counts while the machine has not been started
 * anew since: the kernel still has it, unless it could not put it on the disk (`lost`): then it may have forgotten it. A torn last line is what a crash leaves, and is passed over. Pure.
 * @returns `undefined` for a journal whose first line never became whole: nothing had been written by then
 * @throws DrawbridgeError `DB_BAD_INPUT` when it is no journal of ours.
 */
export function parseJournal(text: string, boot: string, path: string): JournalContent | undefined {
  const lines = text.split("\n");
  const written = new Map<string, { boot: string; facts: PartFacts }>();
  const synced = new Set<string>();
  let begin: z.infer<typeof beginShape> | undefined;
  let inDoubt: SyncName | undefined;
  let finished: RestoredRecord | undefined;
  for (const [number, json] of lines.slice(0, -1).entries()) {
    const line = parseLine(json, path, number + 1);
    if (line.type === "begin") begin = line;
    else if (line.type === "written") written.set(line.facts.key, line);
    else if (line.type === "synced") for (const key of line.keys) synced.add(key);
    else if (line.type === "lost") keepOnly(written, synced);
    else if (line.type === "finished") finished = line.restored;
    if (line.type === "syncing") inDoubt = line;
    else if (line.type !== "written") inDoubt = undefined;
  }
  if (!begin) return undefined;
  const kept = [...written].filter(([key, line]) => line.boot === boot || synced.has(key));
  const { id, backup, into, tablespacesDir, owner, parts } = begin;
  return {
    id,
    identity: { backup, into, tablespacesDir, parts, ...(owner ? { owner } : {}) },
    done: new Map(kept.map(([key, { facts }]) => [key, facts])),
    inDoubt,
    finished,
  };
}

function keepOnly(written: Map<string, unknown>, kept: ReadonlySet<string>): void {
  for (const key of written.keys()) if (!kept.has(key)) written.delete(key);
}

function parseLine(json: string, path: string, number: number): Line {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  const line = lineShape.safeParse(value);
  if (line.success) return line.data;
  throw new DrawbridgeError(
    "DB_BAD_INPUT",
    `line ${number} of ${path} is not of a restore's journal; remove it and empty the data directory to begin anew`,
  );
}

/** Why a journal does not belong to this restore; `undefined` when it does. Pure. */
export function whyOtherRestore(journal: RestoreIdentity, wanted: RestoreIdentity): string | undefined {
  for (const field of ["name", "completedAt", "startLsn", "stopSegment"] as const) {
    if (journal.backup[field] === wanted.backup[field]) continue;
    return `it was begun with the backup ${journal.backup.name} of ${journal.backup.completedAt}`;
  }
  if (journal.tablespacesDir !== wanted.tablespacesDir) return `its tablespaces go to ${journal.tablespacesDir}`;
  if (journal.into !== wanted.into) return `it goes into ${journal.into}`;
  if (journal.owner?.uid !== wanted.owner?.uid || journal.owner?.gid !== wanted.owner?.gid)
    return "its files belong to another user";
  const keys = new Set([...Object.keys(journal.parts), ...Object.keys(wanted.parts)]);
  const changed = [...keys].filter((key) => journal.parts[key] !== wanted.parts[key]);
  return changed.length === 0 ? undefined : `${changed.join(", ")} changed in the archive since it was begun`;
}

/**
 * An open journal. What has to outlive a power loss is on the disk before a method resolves; that a part was written only
 * counts until the machine is started anew, so the kernel's memory is enough for it, as for the part itself.
 */
export class RestoreJournal implements AsyncDisposable {
  readonly id: string;
  readonly path: string;
  readonly #file: FileHandle;
  readonly #boot: string;
  /** One append at a time. */
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle, id: string, boot: string) {
    this.path = path;
    this.#file = file;
    this.id = id;
    this.#boot = boot;
  }

  /** Begins a journal anew; what lay there is gone. The directories' stamps with `id` have to be on the disk by then. */
  static async begin(path: string, identity: RestoreIdentity, id: string): Promise<RestoreJournal> {
    const journal = new RestoreJournal(path, await open(path, "w", 0o600), id, await thisBoot());
    await journal.#append({ type: "begin", version: 1, id, ...identity }, "sync");
    await syncDirectory(dirname(path));
    return journal;
  }

  /** Goes on with a journal; a torn last line is cut off first, so that the next one does not hang on it. */
  static async goOn(path: string, id: string): Promise<RestoreJournal> {
    const text = await readFile(path);
    const file = await open(path, "r+");
    await file.truncate(text.lastIndexOf(0x0a) + 1);
    await file.close();
    return new RestoreJournal(path, await open(path, "a"), id, await thisBoot());
  }

  async written(facts: PartFacts): Promise<void> {
    await this.#append({ type: "written", boot: this.#boot, facts }, "keep");
  }

  /** A sync is about to begin. */
  async syncing({ pid, start, number }: SyncName): Promise<void> {
    await this.#append({ type: "syncing", pid, start, number }, "keep");
  }

  /** These parts are on the disk for good. */
  async synced(keys: readonly string[]): Promise<void> {
    await this.#append({ type: "synced", keys: [...keys] }, keys.length > 0 ? "sync" : "keep");
  }

  /** The disk did not take something: all that was not synced before has to be fetched again. */
  async lost(): Promise<void> {
    await this.#append({ type: "lost" }, "sync");
  }

  async finished(restored: RestoredRecord): Promise<void> {
    await this.#append({ type: "finished", restored }, "sync");
  }

  /** The last act of a restore. */
  async remove(): Promise<void> {
    // should the name come back after a power loss, it is of a finished restore, which the next call sees
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#file.close();
  }

  #append(line: Line, how: "keep" | "sync"): Promise<void> {
    this.#last = this.#last.then(async () => {
      await this.#file.write(`${JSON.stringify(line)}\n`);
      if (how === "sync") await this.#file.datasync();
    });
    return this.#last;
  }
}

/** The content of the journal at `path`; `undefined` when there is none. @throws DrawbridgeError as {@link parseJournal}. */
export async function readJournal(path: string): Promise<JournalContent | undefined> {
  const text = await ifThere(readFile(path, "utf8"));
  if (text === undefined) return undefined;
  return parseJournal(text, await thisBoot(), path);
}

/** Where the system does not tell, every start counts as a new one. */
async function thisBoot(): Promise<string> {
  return (await bootId()) ?? randomUUID();
}

/** Makes names in a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
