import { DrawbridgeError } from "../../errors.ts";
import { keptFiles } from "./part-facts.ts";

/** The control file is written under this name until all else is proven to be there. */
export const controlFileInWaiting = "global/pg_control.restoring";

/** Directories whose contents belong to the host that wrote the archive, not to ours. */
const emptied = /^(?:pg_wal|pg_xlog|pg_replslot|pg_stat_tmp)\//;
const dropped =
  /^(?:[^/]+\.signal|recovery\.(?:conf|done)|postmaster\.\w+|[^/]+\.pid|tablespace_map\.old|backup_label\.old|promote)$/;
const movedAside = /^(?:postgresql\.auto\.conf|postgresql\.conf|pg_hba\.conf|pg_ident\.conf)$/;
const asideSuffix = ".from-archive";

/** Lies in both directories while a restore is under way, and holds its journal's id. */
export const stampName = "drawbridge.restoring";
const relation = /^(?:base|global|pg_tblspc)\//;

/**
 * A member's name without leading slashes and `./`; `""` is the data directory itself.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names `key` when it leads out of the data directory.
 */
export function cleanName(name: string, key: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0")) {
    throw new DrawbridgeError(
      "DB_ARCHIVE_INVALID",
      `${key}: a member wants to lie outside the data directory: ${name}`,
    );
  }
  return parts.join("/");
}

/** Names that a restore gives to files of its own. A cluster that was restored by us once may hold some: they are stale. */
export function isOurName(name: string): boolean {
  if (name === controlFileInWaiting || name === stampName) return true;
  return name.endsWith(asideSuffix) && movedAside.test(name.slice(0, -asideSuffix.length));
}

/**
 * Under which name a file or hard link is restored; `undefined`: not at all, since it belongs to the host of the archive or is
 * left from an earlier restore.
 */
export function restoredName(name: string): string | undefined {
  if (name === "" || emptied.test(name) || dropped.test(name) || isOurName(name)) return undefined;
  if (name === "global/pg_control") return controlFileInWaiting;
  return movedAside.test(name) ? name + asideSuffix : name;
}

/** Whether a directory is made; what lies below some belongs to the host of the archive. */
export function isRestoredDir(name: string): boolean {
  return !emptied.test(name);
}

/**
 * What becomes of a symlink of the archive. `volume`: a directory of our own, for a WAL or log volume of the source or a tablespace. `left-out`: it
 * lies where nothing of the archive's host is restored. `host-file`: left out as well, since it leads to a file of that host, which the archive
 * does not have: a configuration file in `/etc`, a certificate. `refused`: what it led to would be missing.
 */
export function symlinkFate(name: string): "volume" | "left-out" | "host-file" | "refused" {
  if (/^pg_tblspc\/\d+$/.test(name)) return "volume";
  if (name === "" || restoredName(name) === undefined) return "left-out";
  if (name.includes("/")) return "refused";
  if (keptFiles.has(name)) return "refused";
  return name.includes(".") ? "host-file" : "volume";
}

/** `base/1/16384.2` → `base/1/16384.1` → `base/1/16384`: what has to be there before it; `undefined` for a first segment. */
export function segmentBeforeIt(name: string): string | undefined {
  const [, stem, number] = /^(.*\/\d+(?:_[a-z]+)?)\.([1-9]\d*)$/.exec(name) ?? [];
  if (stem === undefined || number === undefined || !relation.test(name)) return undefined;
  return number === "1" ? stem : `${stem}.${Number(number) - 1}`;
}

/** Tablespace of a member and its name below the tablespace's directory. */
export function tablespaceOf(name: string): { readonly oid: string; readonly rest: string } | undefined {
  const [, oid, rest = ""] = /^pg_tblspc\/(\d+)(?:\/(.*))?$/.exec(name) ?? [];
  return oid === undefined ? undefined : { oid, rest };
}
