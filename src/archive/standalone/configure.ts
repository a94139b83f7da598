import { access, chown, mkdir, readFile, rename } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { parseBackupLabel } from "../format/backup-label.ts";
import type { Backup } from "../format/list-backups.ts";
import { readBootstrapRole } from "../server/bootstrap-role.ts";
import { parseControlLimits } from "../server/control-limits.ts";
import { writeOwned } from "../server/owned-file.ts";
import type { ServerUser } from "../server/server-user.ts";
import type { RestoreMode } from "../wal/serve-restores.ts";
import { prepareFreshSpool } from "../wal/standalone-courier.ts";
import { writeWalScripts } from "../wal/wal-scripts.ts";
import { findFreePort } from "./free-port.ts";
import { socketDirOf, standaloneFiles, type TlsFiles } from "./server-files.ts";

/** How a restored data directory is to be configured. */
export interface ConfigureOptions {
  readonly dataDir: string;
  readonly user: ServerUser;
  readonly mode: RestoreMode;
  /** Beside the data directory and on its file system: gets `restore_command`'s script and its spool. */
  readonly walDir: string;
  /** Program and arguments that fetch one WAL file; see `WalScriptOptions`. */
  readonly fetch: readonly string[];
  /** A free one unless told. */
  readonly port: number | undefined;
  readonly tls: TlsFiles | undefined;
}

/** How the server is reached. */
export interface Configured {
  readonly pgMajor: number;
  readonly port: number;
  readonly socketDir: string;
  readonly superuser: string;
}

/** Written last: its presence says that a directory is configured. */
const lastFile = "postgresql.conf";

/**
 * Writes the configuration of a cluster restored by hand, so that `pg_ctl start` is all that is left to do. May be called
 * again after an interruption. The archive's own files were moved aside (`*.from-archive`) when they were unpacked.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when the restored files do not say what is needed.
 */
export async function configureStandalone(options: ConfigureOptions): Promise<Configured> {
  const { dataDir, user } = options;
  const pgMajor = Number.parseInt(await readFile(join(dataDir, "PG_VERSION"), "utf8"), 10);
  const control = parseControlLimits(await readFile(join(dataDir, "global/pg_control")));
  const bootstrapRole = await readBootstrapRole(dataDir);
  const socketDir = socketDirOf(dataDir);
  const port = options.port ?? (await findFreePort(socketDir));
  const hostUsers = [userInfo().username, user.name];
  const restoreCommand = await prepareWal(options);
  const files = standaloneFiles({ ...options, restoreCommand, control, pgMajor, bootstrapRole, port, hostUsers });
  for (const [name, content] of Object.entries(files)) {
    if (name !== lastFile) await writeOwned(join(dataDir, name), content, user.owner);
  }
  const half = join(dataDir, `${lastFile}.half`);
  await writeOwned(half, files[lastFile] ?? "", user.owner);
  await rename(half, join(dataDir, lastFile));
  return { pgMajor, port, socketDir, superuser: bootstrapRole };
}

async function prepareWal({ walDir, user: { owner }, mode, fetch }: ConfigureOptions): Promise<string> {
  await mkdir(walDir, { recursive: true, mode: 0o700 });
  if (owner) await chown(walDir, owner.uid, owner.gid);
  const spool = { dir: join(walDir, "spool"), owner };
  await prepareFreshSpool(spool);
  return (await writeWalScripts(walDir, spool, { mode, fallback: fetch })).restoreCommand;
}

/** Whether a directory holds exactly this backup, restored but not configured: what an interruption at the very end leaves. */
export async function isUnconfigured(dataDir: string, backup: Backup): Promise<boolean> {
  const has = (name: string): Promise<boolean> =>
    access(join(dataDir, name)).then(
      () => true,
      () => false,
    );
  if (await has(lastFile)) return false;
  for (const name of ["PG_VERSION", "global/pg_control", "backup_label"]) if (!(await has(name))) return false;
  const label = parseBackupLabel(await readFile(join(dataDir, "backup_label"), "utf8"), dataDir);
  return label.startSegment === backup.startSegment && label.startLsn === backup.startLsn;
}
