import { createHash } from "node:crypto";
import { chmod, chown, lstat, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { ifThere } from "../archive/host/if-there.ts";
import { verdictPathOf } from "../archive/restore/sync-doubt.ts";
import { fitsSocket } from "../archive/server/conf-files.ts";
import type { ServerUser } from "../archive/server/server-user.ts";
import { DrawbridgeError } from "../errors.ts";

/** Where everything of one bridge lies. */
export interface InstancePaths {
  readonly dir: string;
  readonly dataDir: string;
  readonly tablespacesDir: string;
  /** What a restore under way has done: after a crash it goes on from there. */
  readonly restoreJournal: string;
  readonly spoolDir: string;
  readonly socketDir: string;
  readonly logFile: string;
  readonly recordFile: string;
}

/** What the agent remembers across its own restarts. */
export interface InstanceRecord {
  readonly migrationId: string;
  /** Highest epoch that was acted upon; goals below it are refused. Decimal. */
  readonly epoch: string;
  /** `restoring`: half a restore lies there, of `backup` if one is named, with which it goes on. */
  readonly phase: "restoring" | "restored" | "wiped";
  readonly port: number;
  readonly backup?: string;
  /** An object of that backup was found damaged: `LATEST` takes the newest again, and only the same one is gone on with. */
  readonly isRefused?: boolean;
  /** Tells two backups of one name apart. */
  readonly backupCompletedAt?: string;
  /** Last WAL segment that the backup needs to become consistent. */
  readonly stopSegment?: string;
  /** Decimal. */
  readonly systemIdentifier?: string;
  readonly segmentBytes?: number;
  readonly pgMajor?: number;
  readonly bootstrapRole?: string;
  /** Where in our bucket this restore's own backups and WAL go, below the migration's: `restore-3/`. */
  readonly backupsFolder?: string;
  /** Name of the first backup of the promoted bridge. */
  readonly firstBackup?: string;
  /**
   * Whether the archive held timelines, up to `through`, that the source never had: then recovery stays on `ours`. Looked for
   * once after each restore; `through` is 0 when there were none.
   */
  readonly foreign?: { readonly through: number; readonly ours: number };
  /** Why this standby can follow no more, and at which goal's epoch that was found: any later goal restores it again. */
  readonly restoreAgain?: { readonly epoch: string; readonly why: string };
}

/** Paths below the instance's directory; where that makes the socket's path too long, the socket lies below /tmp. */
export function instancePaths(dir: string): InstancePaths {
  const mark = createHash("sha256").update(dir).digest("hex").slice(0, 12);
  const near = join(dir, "socket");
  return {
    dir,
    dataDir: join(dir, "pgdata"),
    restoreJournal: join(dir, "restore.journal"),
    tablespacesDir: join(dir, "tablespaces"),
    spoolDir: join(dir, "spool"),
    socketDir: fitsSocket(near) ? near : `/tmp/drawbridge-${mark}`,
    logFile: join(dir, "postgresql.log"),
    recordFile: join(dir, "bridge.json"),
  };
}

/** Makes the instance's directories for the server's user. @throws DrawbridgeError `DB_CONFIG` when others own them. */
export async function prepareInstance(paths: InstancePaths, user: ServerUser): Promise<void> {
  for (const path of [paths.dir, paths.socketDir]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const facts = await lstat(path);
    const ours = [process.getuid?.() ?? 0, user.owner?.uid];
    if (!facts.isDirectory() || !ours.includes(facts.uid)) {
      throw new DrawbridgeError("DB_CONFIG", `${path} belongs to somebody else`);
    }
    if (user.owner) await chown(path, user.owner.uid, user.owner.gid);
    await chmod(path, 0o700);
  }
}

/** What was remembered; `undefined` on a new host. */
export async function readRecord(paths: InstancePaths): Promise<InstanceRecord | undefined> {
  const text = await ifThere(readFile(paths.recordFile, "utf8"));
  if (text === undefined) return undefined;
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed)) throw new DrawbridgeError("DB_BAD_INPUT", `${paths.recordFile} is not a bridge's record`);
  return parsed;
}

/** Remembers, whole or not at all, also across a power loss. */
export async function writeRecord(paths: InstancePaths, record: InstanceRecord): Promise<void> {
  const half = `${paths.recordFile}.half`;
  {
    await using file = await open(half, "w", 0o600);
    await file.writeFile(`${JSON.stringify(record, undefined, 2)}\n`);
    await file.sync();
  }
  await rename(half, paths.recordFile);
}

/** Removes data, tablespaces, spool and a restore's journal; the record stays with whoever calls. */
export async function removeData(paths: InstancePaths): Promise<void> {
  const { dataDir, tablespacesDir, spoolDir, restoreJournal } = paths;
  for (const path of [dataDir, tablespacesDir, spoolDir, restoreJournal, verdictPathOf(restoreJournal)]) {
    await rm(path, { recursive: true, force: true });
  }
}

/** A port that nobody listens on at this moment. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host === "*" ? undefined : host, () => {
      const address = server.address();
      const port = typeof address === "object" ? address?.port : undefined;
      server.close(() => {
        if (port === undefined) reject(new DrawbridgeError("DB_UNEXPECTED", "the system gave no free port"));
        else resolve(port);
      });
    });
  });
}

function isRecord(value: unknown): value is InstanceRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    "migrationId" in value &&
    "phase" in value &&
    "epoch" in value &&
    typeof value.epoch === "string" &&
    /^\d+$/.test(value.epoch)
  );
}
