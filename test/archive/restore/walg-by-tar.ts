import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scanDataDir } from "../../../src/archive/backup/scan-data-dir.ts";
import { partition, type BackupStop } from "../../../src/archive/backup/write-backup.ts";
import { segmentAt, usualSegmentBytes } from "../../../src/archive/format/wal-names.ts";

/** What a backup in WAL-G's layout is made of. */
export interface WalGBackup {
  /** The archive's prefix. */
  readonly archive: string;
  readonly dataDir: string;
  readonly startLsn: bigint;
  readonly systemIdentifier: string;
  /** Ends the backup when all parts are stored. */
  readonly stop: () => Promise<BackupStop>;
}

/** A base backup in WAL-G's layout, packed by tar and lz4 as they are installed here. Resolves with its name. */
export async function backUpAsWalG({
  archive,
  dataDir,
  startLsn,
  systemIdentifier,
  stop,
}: WalGBackup): Promise<string> {
  const name = `base_${segmentAt(1, startLsn, usualSegmentBytes)}`;
  const folder = join(archive, "basebackups_005", name);
  mkdirSync(join(folder, "tar_partitions"), { recursive: true });
  const { entries } = await scanDataDir(dataDir);
  const isControl = (one: string): boolean => one === "global/pg_control";
  const sets: Record<string, string[]> = {};
  const pack = (part: string, dir: string, names: readonly string[], slash = "/"): void => {
    const list = names.map((one) => `${one || "."}\n`).join("");
    const out = `${join(folder, "tar_partitions", part)}.tar.lz4`;
    // 1: a file changed as it was read, which replay mends
    const tar = `tar -P --no-recursion --transform='s,^\\(\\./\\)*,${slash},' -C '${dir}' -cf - -T - || [ $? = 1 ]`;
    execFileSync("bash", ["-o", "pipefail", "-c", `{ ${tar}; } | lz4 -q -c > '${out}'`], { input: list });
    sets[`${part}.tar.lz4`] = names.map((one) => slash + one);
  };
  // a part exceeds WAL-G's threshold by one file at most
  const parts = partition(
    entries.filter((entry) => !isControl(entry.name) && entry.name !== ""),
    2 ** 30,
  );
  for (const [at, part] of parts.entries()) {
    const names = part.map((entry) => entry.name);
    pack(`part_${String(at + 1).padStart(3, "0")}`, dataDir, names);
  }
  pack("pg_control", dataDir, ["global/pg_control"]);
  const stopped = await stop();
  const labels = mkdtempSync(join(archive, "labels-"));
  writeFileSync(join(labels, "backup_label"), stopped.backupLabel);
  pack("backup_label", labels, ["backup_label"], "");
  rmSync(labels, { recursive: true });
  const sizeBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0) + stopped.backupLabel.length;
  writeFileSync(join(folder, "files_metadata.json"), JSON.stringify({ Files: {}, TarFileSets: sets }));
  const sentinel =
    `{"LSN":${startLsn},"FinishLSN":${stopped.stopLsn},"PgVersion":150000,"SystemIdentifier":${systemIdentifier},` +
    `"UncompressedSize":${sizeBytes},"CompressedSize":1,"Spec":{"base_prefix":"${dataDir}","tablespaces":[]},` +
    `"FilesMetadataDisabled":false,"Version":2,"FinishTime":"2026-11-22T12:00:00.000000Z"}`;
  writeFileSync(join(archive, "basebackups_005", `${name}_backup_stop_sentinel.json`), sentinel);
  return name;
}
