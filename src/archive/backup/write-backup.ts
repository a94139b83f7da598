import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { DrawbridgeError } from "../../errors.ts";
import { backupsPrefix, partsPrefix, sentinelKey } from "../format/list-backups.ts";
import { backupName, segmentBefore, usualSegmentBytes } from "../format/wal-names.ts";
import { ifThere } from "../host/if-there.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { tarEnd, tarHeader, tarPadding } from "../tar/tar-writer.ts";
import { scanDataDir, type ScannedEntry, type ScannedTablespace } from "./scan-data-dir.ts";

/** What the end of a non-exclusive backup gives (`pg_backup_stop`). */
export interface BackupStop {
  readonly stopLsn: bigint;
  readonly backupLabel: string;
  /** Empty without tablespaces. */
  readonly tablespaceMap: string;
}

/** A base backup to be written, between `pg_backup_start` and `pg_backup_stop`. */
export interface WriteBackupOptions {
  readonly store: ObjectStore;
  readonly dataDir: string;
  readonly timeline: number;
  /** What `pg_backup_start` returned. */
  readonly startLsn: bigint;
  /** Calls `pg_backup_stop` when all files are stored. */
  readonly stop: () => Promise<BackupStop>;
  /** What `select version()` says. */
  readonly version: string;
  readonly segmentBytes?: number;
  /** A part is closed when it would reach this many bytes of files; WAL-E's 1.5 GiB unless told. */
  readonly partitionBytes?: number;
  /** For one compressed part; the system's directory for such files unless told. */
  readonly tempDir?: string;
  readonly onProgress?:
    | ((progress: { partsDone: number; partsTotal: number; bytesDone: number; bytesTotal: number }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

const partitionMembers = 6144;

/**
 * Writes a base backup in WAL-E's layout, with `backup_label` and `tablespace_map` in the sentinel as Heroku's archive has
 * them. The sentinel is stored last: without it the backup does not exist.
 * @returns the backup's name
 * @throws DrawbridgeError from the store, and `DB_UNEXPECTED` when lzop fails.
 */
export async function writeBaseBackup(options: WriteBackupOptions): Promise<string> {
  const { store, timeline, startLsn, signal } = options;
  const segmentBytes = options.segmentBytes ?? usualSegmentBytes;
  const name = backupName(timeline, startLsn, segmentBytes);
  await store.put(`${backupsPrefix}${name}/extended_version.txt`, Buffer.from(options.version), signal);
  const { entries, tablespaces } = await scanDataDir(options.dataDir);
  const parts = partition(entries, options.partitionBytes ?? 1_610_612_736);
  const bytesTotal = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  const temp = await mkdtemp(join(options.tempDir ?? tmpdir(), "drawbridge-backup-"));
  let [bytesDone, packedBytes] = [0, 0];
  try {
    for (const [number, part] of parts.entries()) {
      const file = join(temp, "part.lzo");
      packedBytes += await packPart(part, file, signal);
      const key = `${partsPrefix(name)}part_${String(number).padStart(8, "0")}.tar.lzo`;
      await store.put(key, createReadStream(file), signal);
      bytesDone += part.reduce((sum, entry) => sum + entry.sizeBytes, 0);
      options.onProgress?.({ partsDone: number + 1, partsTotal: parts.length, bytesDone, bytesTotal });
    }
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
  const stop = await options.stop();
  const sentinel = {
    wal_segment_backup_stop: segmentBefore(timeline, stop.stopLsn, segmentBytes),
    wal_segment_offset_backup_stop: (stop.stopLsn % BigInt(segmentBytes)).toString().padStart(8, "0"),
    // not what was found at first: what is dropped meanwhile is in no part, and a restore counts
    expanded_size_bytes: packedBytes,
    spec: specOf(options.dataDir, tablespaces),
    backup_label: stop.backupLabel,
    ...(stop.tablespaceMap.trim() === "" ? {} : { tablespace_map: stop.tablespaceMap }),
  };
  await store.put(sentinelKey(name), Buffer.from(JSON.stringify(sentinel)), signal);
  return name;
}

/** Fills parts in the order of the scan, as WAL-E does; no file is split. Pure. */
export function partition(entries: readonly ScannedEntry[], partitionBytes: number): ScannedEntry[][] {
  let last: ScannedEntry[] = [];
  const parts = [last];
  let bytes = 0;
  for (const entry of entries) {
    if (last.length > 0 && (bytes + entry.sizeBytes >= partitionBytes || last.length >= partitionMembers)) {
      parts.push((last = [entry]));
      bytes = entry.sizeBytes;
    } else {
      last.push(entry);
      bytes += entry.sizeBytes;
    }
  }
  return parts;
}

function specOf(dataDir: string, tablespaces: readonly ScannedTablespace[]): object {
  const each = tablespaces.map(({ oid, location }) => [oid, { loc: `${location}/`, link: `pg_tblspc/${oid}` }]);
  return { base_prefix: `${dataDir}/`, tablespaces: tablespaces.map(({ oid }) => oid), ...Object.fromEntries(each) };
}

/** Packs a part; resolves with the bytes of content in it. */
async function packPart(
  entries: readonly ScannedEntry[],
  file: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const lzop = spawn("lzop", ["-c"], { stdio: ["pipe", "pipe", "inherit"] });
  const how = signal ? { signal } : {};
  const ended = once(lzop, "close");
  ended.catch(() => undefined);
  let packedBytes = 0;
  const onPacked = ({ sizeBytes }: ScannedEntry): void => void (packedBytes += sizeBytes);
  try {
    await Promise.all([
      pipeline(tarStream(entries, onPacked), lzop.stdin, how),
      pipeline(lzop.stdout, createWriteStream(file), how),
    ]);
    const [status] = (await ended) as unknown[];
    if (status !== 0) throw new DrawbridgeError("DB_UNEXPECTED", `lzop ended with ${String(status)}`);
    return packedBytes;
  } finally {
    lzop.kill("SIGKILL");
  }
}

async function* tarStream(
  entries: readonly ScannedEntry[],
  onPacked: (entry: ScannedEntry) => void,
): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const isDirectory = entry.kind === "directory";
    if (isDirectory) {
      yield tarHeader({ ...entry, name: `${entry.name}/` });
      continue;
    }
    const file = await ifThere(open(entry.path, "r"));
    if (!file) continue; // dropped since the scan: replay does not need it
    try {
      yield tarHeader(entry);
      yield* exactly(file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }), entry.sizeBytes);
      yield tarPadding(entry.sizeBytes);
      onPacked(entry);
    } finally {
      await file.close();
    }
  }
  yield tarEnd();
}

/** The file's bytes cut or filled with zeros to the size in its header; replay mends what changed meanwhile. */
async function* exactly(content: AsyncIterable<Buffer>, sizeBytes: number): AsyncGenerator<Buffer> {
  let left = sizeBytes;
  if (left > 0) {
    for await (const chunk of content) {
      yield chunk.subarray(0, left);
      left -= Math.min(left, chunk.length);
      if (left === 0) return;
    }
  }
  for (; left > 0; left -= Math.min(left, 65_536)) yield Buffer.alloc(Math.min(left, 65_536));
}
