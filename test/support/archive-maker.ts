import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { lz4Frame } from "../archive/codec/lz4-frames.ts";
import { makeSegment, nameOf, segmentBytes, sysid } from "../archive/wal/made-wal.ts";
import { lzop } from "./archive-maker-lzop.ts";
import { crc32c, noise } from "./archive-maker-sums.ts";
import { type MadeMember, type TarDialect, tarOf } from "./archive-maker-tar.ts";

/** Extensions of objects; `""` is plain. */
export type Extension = ".lzo" | ".lz4" | ".zst" | ".br" | ".gz" | "";

/** How an archive is made. What is absent is as Heroku's archive has it. */
export interface MadeArchiveOptions {
  readonly writer?: "wal-e" | "wal-g";
  readonly extension?: Extension;
  readonly dialect?: TarDialect;
  /** Where `backup_label` is. */
  readonly label?: "sentinel" | "part";
  /** Members besides those that every backup has, part by part (the first is part 0). */
  readonly more?: readonly (readonly MadeMember[])[];
  /** Segment in which the backup starts; it stops in the next one. */
  readonly start?: number;
  readonly timeline?: number;
  /** Merged over the sentinel. */
  readonly sentinel?: Readonly<Record<string, unknown>>;
  /** WAL-G's manifest; present unless told. */
  readonly manifest?: "present" | "missing" | "switched off";
}

/** One backup and its WAL. */
export interface MadeArchive {
  /** By key; change it at will. */
  readonly objects: Map<string, Buffer>;
  readonly name: string;
  readonly sentinelKey: string;
  /** In the order of their numbers. */
  readonly partKeys: readonly string[];
  /** Start to stop. */
  readonly walKeys: readonly string[];
  /** Members of each part. */
  readonly parts: readonly (readonly MadeMember[])[];
}

/** Compresses as the extension says. */
export function compress(content: Buffer, extension: Extension): Buffer {
  if (extension === ".lzo") return lzop(content, { blockBytes: 8_192 });
  if (extension === ".lz4") return lz4Frame(content);
  if (extension === ".zst") return zstdCompressSync(content);
  if (extension === ".br") return brotliCompressSync(content);
  return extension === ".gz" ? gzipSync(content) : content;
}

/** A `pg_control` of PostgreSQL 15 with a good checksum. */
export function controlFile(systemIdentifier = sysid, version = 1300): Buffer {
  const bytes = Buffer.alloc(8_192);
  bytes.writeBigUInt64LE(systemIdentifier, 0);
  bytes.writeUInt32LE(version, 8);
  bytes.writeUInt32LE(202_209_061, 12);
  bytes.writeBigUInt64LE(BigInt(3 * segmentBytes) + 0x60n, 32);
  bytes.writeBigUInt64LE(BigInt(3 * segmentBytes) + 0x28n, 40);
  bytes.writeUInt32LE(1, 48);
  noise(230, 5).copy(bytes, 52);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 288)), 288);
  return bytes;
}

/** A `backup_label` as `pg_backup_stop` gives it. */
export function labelOf(start: number, timeline = 1): string {
  const lsn = (offset: number): string => `0/${(start * segmentBytes + offset).toString(16).toUpperCase()}`;
  return [
    `START WAL LOCATION: ${lsn(0x28)} (file ${nameOf(start, timeline)})`,
    `CHECKPOINT LOCATION: ${lsn(0x60)}`,
    "BACKUP METHOD: streamed",
    "BACKUP FROM: primary",
    "START TIME: 2026-11-22 12:00:00 UTC",
    "LABEL: freeze_start_2026-11-22T12:00:00.000000+00:00",
    `START TIMELINE: ${timeline}`,
    "",
  ].join("\n");
}

/** A small archive that restores: a few relations in three parts, and two segments of 1 MiB. No tool is needed for it. */
export function makeArchive(options: MadeArchiveOptions = {}): MadeArchive {
  const { writer = "wal-e", start = 3, timeline = 1 } = options;
  const extension = options.extension ?? ".lzo";
  const isWalE = writer === "wal-e";
  const parts = membersOf(options);
  const name = `base_${nameOf(start, timeline)}${isWalE ? "_00000040" : ""}`;
  const objects = new Map<string, Buffer>();
  const folder = `basebackups_005/${name}/tar_partitions/`;
  const partKeys = parts.map((members, index) => {
    const number = isWalE ? String(index).padStart(8, "0") : String(index + 1).padStart(3, "0");
    const key = `${folder}part_${number}.tar${extension}`;
    objects.set(key, compress(tarOf(members, options.dialect), extension));
    return key;
  });
  const sentinelKey = `basebackups_005/${name}_backup_stop_sentinel.json`;
  const walKeys = [start, start + 1].map((number) => {
    const key = `wal_005/${nameOf(number, timeline)}${extension}`;
    objects.set(key, compress(makeSegment(number, { timeline }), extension));
    return key;
  });
  const all = [...parts];
  if (!isWalE) all.push(...addWalG(options, objects, folder, extension));
  const sizeBytes = all.flat().reduce((sum, member) => sum + (member.content?.length ?? 0), 0);
  const said = isWalE ? walESentinel(options, sizeBytes) : walGSentinel(options, sizeBytes);
  // identifiers beyond 2^53 go into the text as they are
  const text = JSON.stringify({ ...said, ...options.sentinel }).replace(/"#(\d+)"/g, "$1");
  objects.set(sentinelKey, Buffer.from(text));
  if (!isWalE && (options.manifest ?? "present") === "present")
    objects.set(`basebackups_005/${name}/files_metadata.json`, manifestOf(parts, all, partKeys, extension));
  return { objects, name, sentinelKey, partKeys, walKeys, parts };
}

function membersOf({
  writer = "wal-e",
  label = "sentinel",
  more = [],
  start = 3,
  timeline = 1,
}: MadeArchiveOptions): MadeMember[][] {
  const root = writer === "wal-e" ? "" : "/";
  const file = (name: string, content: string | Buffer): MadeMember => ({
    name: root + name,
    content: Buffer.from(content),
  });
  const dir = (name: string): MadeMember => ({ name: root + name, kind: "directory" });
  const control = file("global/pg_control", controlFile());
  const first = [{ name: "/", kind: "directory" } as const, file("PG_VERSION", "15\n"), dir("base"), dir("base/1")];
  return [
    [...first, file("base/1/PG_VERSION", "15\n"), file("base/1/1259", noise(9_000, 1)), ...(more[0] ?? [])],
    [
      dir("global"),
      file("global/pg_filenode.map", noise(512, 2)),
      ...(writer === "wal-e" ? [control] : []),
      ...(more[1] ?? []),
    ],
    [
      dir("pg_xact"),
      file("pg_xact/0000", Buffer.alloc(8_192, 0x55)),
      dir("pg_wal"),
      file("base/1/16384", noise(20_000, 3)),
      ...(label === "part" && writer === "wal-e" ? [file("backup_label", labelOf(start, timeline))] : []),
      ...(more[2] ?? []),
    ],
    ...more.slice(3).map((members) => [...members]),
  ];
}

/** The two parts that WAL-G stores last. */
function addWalG(
  options: MadeArchiveOptions,
  objects: Map<string, Buffer>,
  folder: string,
  extension: Extension,
): MadeMember[][] {
  const label = { name: "backup_label", content: Buffer.from(labelOf(options.start ?? 3, options.timeline)) };
  const control = { name: "/global/pg_control", content: controlFile() };
  objects.set(`${folder}backup_label.tar${extension}`, compress(tarOf([label]), extension));
  objects.set(`${folder}pg_control.tar${extension}`, compress(tarOf([control]), extension));
  return [[label], [control]];
}

function walESentinel({ label = "sentinel", start = 3, timeline = 1 }: MadeArchiveOptions, sizeBytes: number): object {
  return {
    wal_segment_backup_stop: nameOf(start + 1, timeline),
    wal_segment_offset_backup_stop: "00000296",
    expanded_size_bytes: sizeBytes,
    spec: { base_prefix: "/database/", tablespaces: [] },
    ...(label === "sentinel" ? { backup_label: labelOf(start, timeline) } : {}),
  };
}

function walGSentinel({ start = 3, manifest = "present" }: MadeArchiveOptions, sizeBytes: number): object {
  return {
    LSN: start * segmentBytes + 0x28,
    FinishLSN: (start + 1) * segmentBytes + 0x128,
    PgVersion: 150_018,
    SystemIdentifier: `#${sysid}`,
    UncompressedSize: sizeBytes,
    CompressedSize: sizeBytes,
    Spec: { base_prefix: "/database", tablespaces: [] },
    ...(manifest === "switched off" ? { FilesMetadataDisabled: true } : {}),
    Version: 2,
    FinishTime: "2026-11-22T12:00:00.000000Z",
  };
}

function manifestOf(
  parts: readonly (readonly MadeMember[])[],
  all: readonly (readonly MadeMember[])[],
  partKeys: readonly string[],
  extension: Extension,
): Buffer {
  const names = (members: readonly MadeMember[]): string[] => members.map((member) => member.name);
  const sets: Record<string, string[]> = {};
  parts.forEach((members, index) => (sets[partKeys[index]?.split("/").at(-1) ?? ""] = names(members)));
  sets[`backup_label.tar${extension}`] = names(all.at(-2) ?? []);
  sets[`pg_control.tar${extension}`] = names(all.at(-1) ?? []);
  return Buffer.from(JSON.stringify({ Files: {}, TarFileSets: sets, DatabasesByNames: {} }));
}
