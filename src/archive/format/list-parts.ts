import { DrawbridgeError } from "../../errors.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";
import { partsPrefix, type Backup } from "./list-backups.ts";

/** The objects that make up a base backup, in the order in which they have to be unpacked. */
export interface BackupParts {
  /** Independent of each other. */
  readonly partitions: readonly ObjectInfo[];
  /** WAL-G only: `backup_label.tar` and `pg_control.tar`, to be unpacked after the others and in this order. */
  readonly last: readonly ObjectInfo[];
}

/**
 * Lists a backup's tar partitions and checks that their numbers leave no gap.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the missing part.
 */
export async function listParts(store: ObjectStore, backup: Backup, signal?: AbortSignal): Promise<BackupParts> {
  const prefix = partsPrefix(backup.name);
  const numbered = new Map<number, ObjectInfo>();
  const special = new Map<string, ObjectInfo>();
  for await (const object of store.list(prefix, signal ? { signal } : {})) {
    const name = object.key.slice(prefix.length);
    const number = /^part_(\d+)\.tar(?:\.\w+)?$/.exec(name)?.[1];
    const word = /^(pg_control|backup_label)\.tar(?:\.\w+)?$/.exec(name)?.[1];
    if (word !== undefined) special.set(word, object);
    if (number === undefined) continue;
    if (numbered.has(Number(number))) {
      throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${prefix}: two objects for part ${number}`);
    }
    numbered.set(Number(number), object);
  }
  checkNumbers(backup, prefix, numbered);
  const last = ["backup_label", "pg_control"].map((word) => special.get(word)).filter((object) => object !== undefined);
  if (backup.sentinel.writer === "wal-g" && !special.has("pg_control")) {
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${prefix}pg_control.tar is missing`);
  }
  return { partitions: [...numbered.values()], last };
}

function checkNumbers(backup: Backup, prefix: string, numbered: ReadonlyMap<number, ObjectInfo>): void {
  const first = backup.sentinel.writer === "wal-g" ? 1 : 0;
  const count = backup.sentinel.partCount ?? numbered.size;
  if (count === 0) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${prefix}: no tar partition`);
  const digits = first === 0 ? 8 : 3;
  for (let number = first; number < first + count; number += 1) {
    if (numbered.has(number)) continue;
    const name = `part_${String(number).padStart(digits, "0")}`;
    throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${prefix}${name}.tar is missing`);
  }
}
