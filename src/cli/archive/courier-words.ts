import { join } from "node:path";
import type { RestoreMode } from "../../archive/wal/serve-restores.ts";
import { formatPlace } from "./prefix.ts";
import type { ArchiveOptions } from "./run-archive.ts";

/** This Node and this checkout: what runs later has to be the program that runs now. */
const program = [process.execPath, join(import.meta.dirname, "../../../bin/main.mjs"), "archive"];

/** The command that fetches one WAL file for `restore-wal.sh`: where the archive lies, and no keys. */
export function fetchWords(options: ArchiveOptions, mode: RestoreMode, spool: string): string[] {
  return [...program, "wal", "--for", mode, "--spool", spool, ...placeWords(options)];
}

/** The command that serves that script from then on. */
export function courierWords(
  options: ArchiveOptions,
  facts: { readonly mode: RestoreMode; readonly spool: string; readonly dataDir: string; readonly startAt: string },
): string[] {
  const { mode, spool, dataDir, startAt } = facts;
  const own = ["--for", mode, "--spool", spool, "--data", dataDir, "--start-at", startAt];
  return [...program, "courier", ...own, ...placeWords(options)];
}

function placeWords({ prefix, endpoint, region }: ArchiveOptions): string[] {
  return [
    "--prefix",
    formatPlace(prefix),
    ...(endpoint === undefined ? [] : ["--endpoint", endpoint]),
    ...(region === undefined ? [] : ["--region", region]),
  ];
}
