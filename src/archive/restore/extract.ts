import { chmod, mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";
import { readTar, type TarMember } from "../tar/tar.ts";

/** Who owns what is restored; left as they are when absent (we are not root). */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where members go and what was seen of them. One for all parts of a restore. */
export interface ExtractionTarget {
  /** The data directory. */
  readonly into: string;
  /** Gets one directory for each tablespace, named by its object identifier. */
  readonly tablespacesDir: string;
  readonly owner: Owner | undefined;
  readonly seen: Seen;
  /** Told of every chunk written. */
  onBytes(count: number): void;
}

/** What the parts contained, for the checks at the end. */
export interface Seen {
  fileBytes: number;
  readonly tablespaceOids: Set<string>;
  /** Names like `base/1/16384.1`, whose predecessor has to exist. */
  readonly laterSegments: string[];
  readonly hardLinks: Array<{ readonly path: string; readonly target: string; readonly key: string }>;
  /** Directories made already. */
  readonly madeDirs: Set<string>;
}

/** A record with nothing seen yet. */
export function nothingSeen(): Seen {
  return { fileBytes: 0, tablespaceOids: new Set(), laterSegments: [], hardLinks: [], madeDirs: new Set() };
}

/** Adds what one part contained to what all contained. */
export function addSeen(all: Seen, one: Seen): void {
  all.fileBytes += one.fileBytes;
  for (const oid of one.tablespaceOids) all.tablespaceOids.add(oid);
  all.laterSegments.push(...one.laterSegments);
  all.hardLinks.push(...one.hardLinks);
}

/** The control file is written under this name until all else is proven to be there. */
export const controlFileInWaiting = "global/pg_control.restoring";

/** Directories whose contents belong to the host that wrote the archive, not to ours. */
const emptied = ["pg_wal", "pg_xlog", "pg_replslot", "pg_stat_tmp"];
const dropped =
  /^(?:[^/]+\.signal|recovery\.(?:conf|done)|postmaster\.\w+|[^/]+\.pid|tablespace_map\.old|backup_label\.old|promote)$/;
const movedAside = /^(?:postgresql\.auto\.conf|postgresql\.conf|pg_hba\.conf|pg_ident\.conf)$/;

/**
 * Unpacks one tar stream into the target. Nothing is ever written outside `into` and `tablespacesDir`.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names `key` for a damaged or hostile member.
 */
export async function extractTar(source: AsyncIterable<Buffer>, key: string, target: ExtractionTarget): Promise<void> {
  for await (const member of readTar(source, key)) {
    const name = cleanName(member.name, key);
    if (member.kind === "file") await extractFile(member, name, target);
    else if (member.kind === "directory") await makeDir(placeOf(name, target), target);
    else await extractLink(member, name, key, target);
  }
}

/** Where a member of the archive lies on this host; `pg_tblspc/<oid>/…` leads into our own tablespace directories. */
export function placeOf(name: string, target: Pick<ExtractionTarget, "into" | "tablespacesDir" | "seen">): string {
  const tablespace = /^pg_tblspc\/(\d+)(?:\/(.*))?$/.exec(name);
  if (!tablespace?.[1]) return name === "" ? target.into : join(target.into, name);
  target.seen.tablespaceOids.add(tablespace[1]);
  return join(target.tablespacesDir, tablespace[1], tablespace[2] ?? "");
}

/** Makes a directory and those above it, once. */
export async function makeDir(path: string, target: Pick<ExtractionTarget, "owner" | "seen">): Promise<void> {
  if (target.seen.madeDirs.has(path)) return;
  const parent = dirname(path);
  try {
    await mkdir(path, { mode: 0o700 });
    if (target.owner) await chownPath(path, target.owner);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" && parent !== path) {
      await makeDir(parent, target);
      target.seen.madeDirs.delete(path);
      return makeDir(path, target);
    }
    if (code !== "EEXIST") throw cause;
  }
  target.seen.madeDirs.add(path);
}

/** The name without leading slashes and `./`; `""` is the data directory itself. */
function cleanName(name: string, key: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0")) {
    throw new DrawbridgeError(
      "DB_ARCHIVE_INVALID",
      `${key}: a member wants to lie outside the data directory: ${name}`,
    );
  }
  return parts.join("/");
}

async function extractFile(member: TarMember, name: string, target: ExtractionTarget): Promise<void> {
  target.seen.fileBytes += member.sizeBytes;
  if (name === "" || emptied.some((dir) => name.startsWith(`${dir}/`)) || dropped.test(name)) return;
  if (/\.[1-9]\d*$/.test(name) && /^(?:base|pg_tblspc|global)\//.test(name)) target.seen.laterSegments.push(name);
  const renamed =
    name === "global/pg_control" ? controlFileInWaiting : movedAside.test(name) ? `${name}.from-archive` : name;
  const path = placeOf(renamed, target);
  await makeDir(dirname(path), target);
  await using file = await open(path, "w", 0o600);
  if (target.owner) await file.chown(target.owner.uid, target.owner.gid);
  await writeBody(file, member, target);
}

/** Gathers small chunks into large writes: a decompressor hands out 64 KiB at a time. */
async function writeBody(file: FileHandle, member: TarMember, target: ExtractionTarget): Promise<void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  const flush = async (): Promise<void> => {
    if (heldBytes === 0) return;
    await file.writev(held);
    target.onBytes(heldBytes);
    held = [];
    heldBytes = 0;
  };
  for await (const chunk of member.body()) {
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes >= 1024 * 1024) await flush();
  }
  await flush();
}

/** Links of the writing host are never followed: directories become directories, hard links wait for all parts. */
async function extractLink(member: TarMember, name: string, key: string, target: ExtractionTarget): Promise<void> {
  if (member.kind === "hardlink") {
    target.seen.hardLinks.push({
      path: placeOf(name, target),
      target: placeOf(cleanName(member.linkName, key), target),
      key,
    });
    return;
  }
  const isTopLevel = name !== "" && !name.includes("/");
  const isTablespace = /^pg_tblspc\/\d+$/.test(name);
  if (member.kind === "symlink" && (isTopLevel || isTablespace)) {
    // a WAL or log volume of the source (or a tablespace): here it is a directory of our own
    await makeDir(placeOf(name, target), target);
    return;
  }
  throw new DrawbridgeError("DB_ARCHIVE_INVALID", `${key}: ${name} is a ${member.kind} that may not be restored`);
}

async function chownPath(path: string, owner: Owner): Promise<void> {
  await using dir = await open(path, "r");
  await dir.chown(owner.uid, owner.gid);
  await chmod(path, 0o700);
}
