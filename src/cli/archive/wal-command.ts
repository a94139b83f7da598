import { accessSync, constants, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { timelineOf } from "../../archive/format/timeline-history.ts";
import { walKind } from "../../archive/format/wal-names.ts";
import { proveEnd } from "../../archive/wal/prove-end.ts";
import type { RestoreMode } from "../../archive/wal/serve-restores.ts";
import { missingStatus } from "../../archive/wal/wal-scripts.ts";
import { WalSource } from "../../archive/wal/wal-source.ts";
import { DrawbridgeError } from "../../errors.ts";
import { startCourier } from "./courier-command.ts";
import { exitStatus } from "./exit-status.ts";
import { type ArchiveOptions, runArchive, writeResult } from "./run-archive.ts";

/** Options of `drawbridge archive wal`. */
export interface WalCommandOptions extends ArchiveOptions {
  /** Answers `restore-wal.sh`, where no courier is alive. */
  readonly for?: RestoreMode;
  /** With `for`: the spool of a courier, which is started if none is alive. */
  readonly spool?: string;
}

/** `drawbridge archive wal`: one segment or history file, which gets its name only when its content is proven. */
export async function walCommand(name: string, dest: string, options: WalCommandOptions): Promise<void> {
  await runArchive(options, async (run) => {
    if (walKind(name) === "other") throw new DrawbridgeError("DB_BAD_INPUT", whyNoName(name));
    const path = pathFor(name, dest);
    const here = options.for === undefined ? undefined : await readClusterHere();
    const expected = { systemIdentifier: here?.systemIdentifier };
    await using source = new WalSource({ store: run.store, expected: () => expected, threads: 1 });
    const found = await source.fetch(name, path, { sync: true, signal: run.signal });
    if (found !== undefined) {
      if (options.for !== undefined) await startCourier(name, found, options.for, options);
      else writeResult(options.json === true, { name, path, found: true }, () => path);
      return 0;
    }
    if (options.for === "recover-to-end" && !(await isEnd(name, source, here?.timeline ?? 0, run.signal))) {
      // it came in the meantime: PostgreSQL stops, and goes on from there when it is started again
      return exitStatus.interrupted;
    }
    if (options.for !== undefined) return missingStatus;
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${run.place} does not hold ${name}`);
  });
}

/** Where the file goes: to `dest`, or into it where that is a directory. @throws DrawbridgeError `DB_BAD_INPUT` where nothing can be written. */
function pathFor(name: string, dest: string): string {
  const isDirectory = dest.endsWith("/") || statSync(dest, { throwIfNoEntry: false })?.isDirectory() === true;
  const path = isDirectory ? join(dest, name) : dest;
  const above = dirname(resolve(path));
  if (statSync(above, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new DrawbridgeError("DB_BAD_INPUT", `there is no directory ${above}`);
  }
  try {
    accessSync(above, constants.W_OK);
  } catch (cause) {
    throw new DrawbridgeError("DB_BAD_INPUT", `nothing can be written into the directory ${above}`, { cause });
  }
  return path;
}

/** Whether a missing file proves the archive's end. PostgreSQL also asks for histories that need not exist, its own for one. */
async function isEnd(name: string, source: WalSource, timeline: number, signal: AbortSignal): Promise<boolean> {
  if (walKind(name) === "history" && timelineOf(name) <= timeline) return true;
  return proveEnd(source, name, signal);
}

/** PostgreSQL runs its `restore_command` in the data directory: the cluster's identity lies there. */
async function readClusterHere(): Promise<{ systemIdentifier: bigint; timeline: number }> {
  try {
    const control = await readFile("global/pg_control");
    // two fields that never tear; the whole may be written at this moment, so its checksum proves nothing
    return { systemIdentifier: control.readBigUInt64LE(0), timeline: control.readUInt32LE(48) };
  } catch (cause) {
    const what = "--for answers PostgreSQL's restore_command, which runs in a data directory; leave it out elsewhere";
    throw new DrawbridgeError("DB_BAD_INPUT", what, { cause });
  }
}

/** Why `name` names no WAL file, and what was meant. */
function whyNoName(name: string): string {
  const upper = name.toUpperCase().replace(/\.(HISTORY|BACKUP|PARTIAL)$/, (end) => end.toLowerCase());
  if (walKind(upper) !== "other") return `${name} is not a WAL file's name; did you mean ${upper}?`;
  const bare = upper.replace(/\.(LZO|LZ4|ZST|BR|GZ|LZMA)$/, "");
  if (walKind(bare) !== "other") return `${name} is an object's name; the WAL file in it is ${bare}`;
  return `${name} is not a WAL file's name: 24 hex digits, or 8 and .history`;
}
