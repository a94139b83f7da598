import { DrawbridgeError } from "../../errors.ts";

/** What a base backup's sentinel object says. Its existence means that the backup was completed. */
export interface Sentinel {
  readonly writer: "wal-e" | "wal-g";
  /** Start of the backup; WAL-E tells it only in the backup's name. */
  readonly startLsn: bigint | undefined;
  readonly stopLsn: bigint | undefined;
  /** WAL-E: last segment that the backup needs. */
  readonly stopSegment: string | undefined;
  /** Sum of the sizes of all files in the parts: as planned when the backup began (WAL-E), as written (WAL-G). */
  readonly expandedSizeBytes: number | undefined;
  readonly partCount: number | undefined;
  /** When the backup ended, where the sentinel says so (WAL-G); else the sentinel's own age is all there is. */
  readonly finishedAt: Date | undefined;
  /** Object identifiers of the tablespaces, as in `pg_tblspc/`. */
  readonly tablespaceOids: readonly string[];
  /** Heroku's archiver keeps these two here and not in a tar partition. */
  readonly backupLabel: string | undefined;
  readonly tablespaceMap: string | undefined;
  readonly systemIdentifier: bigint | undefined;
  /** As `server_version_num`, for example 150018. */
  readonly pgVersionNum: number | undefined;
  /** The backup that a WAL-G delta builds upon. */
  readonly deltaFrom: string | undefined;
  /** The full backup at the bottom of the chain of deltas. */
  readonly deltaFullName: string | undefined;
  /**
   * Where WAL-G lists the files of each part: in `files_metadata.json`, up to version 1 in the sentinel itself, or nowhere, when that was
   * switched off. WAL-E has no such list.
   */
  readonly manifest: "object" | "sentinel" | "none";
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses a sentinel of WAL-E (any fork) or WAL-G (v1, v2). Integers beyond 2^53 stay exact.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names `key` when it is not a sentinel.
 */
export function parseSentinel(text: string, key: string): Sentinel {
  const root = parseExact(text, key);
  const spec = root["spec"] ?? root["Spec"];
  const isWalG = root["LSN"] !== undefined || root["PgVersion"] !== undefined;
  const stopSegment = asText(root["wal_segment_backup_stop"]);
  if (!isWalG && stopSegment === undefined) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is not a sentinel of WAL-E or WAL-G`);
  }
  return {
    writer: isWalG ? "wal-g" : "wal-e",
    startLsn: asBig(root["LSN"]),
    stopLsn: asBig(root["FinishLSN"]),
    stopSegment,
    expandedSizeBytes: asNumber(root["expanded_size_bytes"] ?? root["UncompressedSize"]),
    partCount: asNumber(root["number_of_partitions"]),
    finishedAt: asDate(root["FinishTime"]),
    tablespaceOids: isObject(spec) ? oidsOf(spec["tablespaces"]) : [],
    backupLabel: textUnder(root, /label/i, (value) => /^START WAL LOCATION/m.test(value)),
    tablespaceMap: textUnder(root, /tablespace_?map/i, () => true),
    systemIdentifier: asBig(root["SystemIdentifier"] ?? root["system_identifier"]),
    pgVersionNum: asNumber(root["PgVersion"]),
    deltaFrom: asText(root["DeltaFrom"]),
    deltaFullName: asText(root["DeltaFullName"]),
    manifest: isWalG ? manifestOf(root) : "none",
  };
}

function manifestOf(root: JsonObject): Sentinel["manifest"] {
  const sets = root["TarFileSets"];
  if (isObject(sets) && Object.keys(sets).length > 0) return "sentinel";
  return root["FilesMetadataDisabled"] === true ? "none" : "object";
}

/** JSON.parse that hands integers beyond 2^53 back as bigint, by reading the source text (Node ≥ 22). */
function parseExact(text: string, key: string): JsonObject {
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source;
    if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, revive);
  } catch (cause) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is not JSON`, { cause });
  }
  if (!isObject(parsed)) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key} is not a JSON object`);
  return parsed;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function asDate(value: unknown): Date | undefined {
  const date = typeof value === "string" ? new Date(value) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : undefined;
}

function asBig(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function oidsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map((oid) => String(oid)).filter((oid) => /^\d+$/.test(oid)) : [];
}

function textUnder(root: JsonObject, name: RegExp, accept: (value: string) => boolean): string | undefined {
  for (const [key, value] of Object.entries(root)) {
    if (name.test(key) && typeof value === "string" && value.trim() !== "" && accept(value)) return value;
  }
  return undefined;
}
