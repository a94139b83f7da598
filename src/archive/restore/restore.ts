import { chown, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { systemClock } from "../../clock.ts";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { decompress } from "../codec/decompress.ts";
import type { Backup } from "../format/list-backups.ts";
import { listParts } from "../format/list-parts.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { addSeen, extractTar, makeDir, nothingSeen, type ExtractionTarget, type Owner } from "./extract.ts";
import { finishRestore } from "./finish-restore.ts";

/** How far a restore is. */
export interface RestoreProgress {
  readonly partsDone: number;
  readonly partsTotal: number;
  /** Bytes of files written. */
  readonly bytesDone: number;
  /** As the archive foretells it; absent where it does not. */
  readonly bytesTotal: number | undefined;
}

/** What to restore and where. */
export interface RestoreOptions {
  readonly store: ObjectStore;
  readonly backup: Backup;
  /** The data directory; it has to be empty or absent. */
  readonly into: string;
  /** Tablespaces go into directories below it, named by object identifier. Empty or absent as well. */
  readonly tablespacesDir: string;
  readonly owner?: Owner | undefined;
  /** The source's; an archive of another cluster is refused. */
  readonly systemIdentifier?: bigint | undefined;
  /** Parts at a time; 3 unless told. */
  readonly concurrency?: number;
  /** How much smaller than announced the whole may be (relations dropped while the backup ran). */
  readonly allowShortfallBytes?: number;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was restored. */
export interface Restored {
  readonly systemIdentifier: bigint;
  readonly pgMajor: number;
  readonly fileBytes: number;
  readonly parts: number;
  readonly tablespaceOids: readonly string[];
}

/**
 * Unpacks a base backup into an empty directory and proves what can be proven of it: all parts there, all sizes right,
 * labels matching the backup's name, the right cluster. Leaves a data directory that still needs configuration files and
 * `standby.signal`. `global/pg_control` gets its name last, so that nothing starts from half a restore.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID`, `DB_ARCHIVE_ACCESS`, `DB_CONNECTION`; `DB_BAD_INPUT` for a directory in use.
 */
export async function restoreBaseBackup(options: RestoreOptions): Promise<Restored> {
  const { backup, store, into, tablespacesDir, signal } = options;
  if (backup.refusal !== undefined) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${backup.name} cannot be restored: ${backup.refusal}`);
  }
  await prepareEmptyDir(into, options.owner);
  await prepareEmptyDir(tablespacesDir, options.owner);
  const parts = await listParts(store, backup, signal);
  const progress = progressOf(options, parts.partitions.length + parts.last.length);
  const target: ExtractionTarget = {
    into,
    tablespacesDir,
    owner: options.owner,
    seen: nothingSeen(),
    onBytes: (count) => progress.bytes(count),
  };
  const unpack = async (part: ObjectInfo, stop: AbortSignal | undefined): Promise<void> => {
    await unpackPart(store, part, target, stop);
    progress.part();
  };
  await inParallel(parts.partitions, options.concurrency ?? 3, signal, unpack);
  for (const part of parts.last) await unpack(part, signal);
  for (const oid of backup.sentinel.tablespaceOids) {
    target.seen.tablespaceOids.add(oid);
    await makeDir(join(tablespacesDir, oid), target);
  }
  const control = await finishRestore(options, target, (path) => syncFileSystem(path, signal));
  return {
    systemIdentifier: control.systemIdentifier,
    pgMajor: await readMajor(into),
    fileBytes: target.seen.fileBytes,
    parts: parts.partitions.length,
    tablespaceOids: [...target.seen.tablespaceOids],
  };
}

/** One part; the network may fail some times, damage may not. What a failed try saw is forgotten. */
async function unpackPart(
  store: ObjectStore,
  part: ObjectInfo,
  target: ExtractionTarget,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const attempt = { ...target, seen: { ...nothingSeen(), madeDirs: target.seen.madeDirs } };
    try {
      const found = await store.get(part.key, { ifMatch: part.etag, signal });
      if (!found) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${part.key} vanished while it was restored`);
      await extractTar(decompress(found.body, part.key, signal), part.key, attempt);
      addSeen(target.seen, attempt.seen);
      return;
    } catch (thrown) {
      const fault = asDrawbridgeError(thrown);
      if (fault.outcome !== "retryable" || tries === 5 || signal?.aborted === true) throw fault;
      await systemClock.sleep(fault.retryAfterMs ?? 500 * 2 ** tries, signal);
    }
  }
}

async function prepareEmptyDir(path: string, owner: Owner | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const entries = await readdir(path);
  if (entries.length > 0) {
    throw new DrawbridgeError(
      "DB_BAD_INPUT",
      `${path} is not empty (${entries.slice(0, 3).join(", ")}); a restore needs an empty directory`,
    );
  }
  if (owner) await chown(path, owner.uid, owner.gid);
}

/** Runs `work` on all items, some at a time; the first failure stops the others and is thrown. */
async function inParallel<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal | undefined,
  work: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  let first: unknown;
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined && !stop.aborted; item = items[next++]) {
      try {
        await work(item, stop);
      } catch (thrown) {
        first ??= thrown;
        failed.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane));
  signal?.throwIfAborted();
  if (first !== undefined) throw asDrawbridgeError(first);
}

function progressOf(options: RestoreOptions, partsTotal: number): { bytes(count: number): void; part(): void } {
  const { backup, onProgress } = options;
  const bytesTotal = backup.sentinel.expandedSizeBytes;
  let partsDone = 0;
  let bytesDone = 0;
  const tell = (): void => onProgress?.({ partsDone, partsTotal, bytesDone, bytesTotal });
  return {
    bytes: (count) => {
      bytesDone += count;
      tell();
    },
    part: () => {
      partsDone += 1;
      tell();
    },
  };
}

/** One sync of the whole file system: cheaper than one for each of a million files. */
async function syncFileSystem(path: string, signal: AbortSignal | undefined): Promise<void> {
  await execa("sync", ["-f", path], signal ? { cancelSignal: signal } : {});
}

async function readMajor(into: string): Promise<number> {
  const text = (await readFile(join(into, "PG_VERSION"), "utf8")).trim();
  return Number.parseInt(text, 10);
}
