import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectStore } from "../../archive/store/object-store.ts";
import { putWal } from "../../archive/wal/put-wal.ts";
import { serveArchiving } from "../../archive/wal/serve-archiving.ts";
import { prepareSpool } from "../../archive/wal/spool.ts";
import { writeWalScripts } from "../../archive/wal/wal-scripts.ts";
import type { Log } from "../../log.ts";
import { openDatabase } from "../../postgres/connect.ts";
import { quoteIdent, quoteLiteral } from "../../postgres/identifier.ts";
import type { Secret } from "../../redact.ts";
import { takeBaseBackup } from "./base-backup.ts";
import { createCluster, type SandboxCluster } from "./cluster.ts";
import { loadFile, type LoadOptions } from "./load-file.ts";
import { randomName } from "./random-name.ts";

/** How a Heroku-like source is started. */
export interface SourceSpec {
  /** Programs of the source's PostgreSQL, 14 to 18. */
  readonly bindir: string;
  readonly directory: string;
  /** The archive's prefix in Heroku's bucket, open for writing. */
  readonly archive: ObjectStore;
  /** Heroku's is thought to be 60. */
  readonly archiveTimeoutSeconds?: number | undefined;
  /** A part of the base backup is closed at so many bytes; small ones make several parts of a small database. */
  readonly partitionBytes?: number | undefined;
  readonly log: Log;
}

/** A Heroku-like source: the customer has its owner role and nothing more. */
export interface Source extends AsyncDisposable {
  readonly cluster: SandboxCluster;
  readonly database: string;
  readonly owner: string;
  /** The owner's URL, as in `DATABASE_URL`. */
  url(): Secret;
  /** Gives the owner a new password, as `pg:credentials:rotate` does, and answers the new URL. Old sessions live on. */
  rotatePassword(): Promise<Secret>;
  /** Writes a base backup into the archive; answers its name. */
  takeBaseBackup(signal?: AbortSignal): Promise<string>;
  /** Loads a person's own data as the owner. */
  loadFile(options: Omit<LoadOptions, "url">): Promise<void>;
  /** Stops the server after its last WAL is archived, then the archiver. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
}

/** Settings that a standby's must not be below; Heroku's standard plans have such numbers. */
const herokuLike = {
  archive_mode: "on",
  wal_level: "replica",
  max_connections: "120",
  max_wal_senders: "10",
  max_wal_size: "512MB",
} as const;

/** Makes and starts the source with its archiver and an empty database. */
export async function startSource(spec: SourceSpec): Promise<Source> {
  const settings = { ...herokuLike, archive_timeout: `${spec.archiveTimeoutSeconds ?? 60}s` };
  const cluster = await createCluster({
    bindir: spec.bindir,
    directory: spec.directory,
    superuser: "postgres",
    settings,
  });
  const archiver = await startArchiver(cluster, spec);
  const [database, owner] = [`d${randomName(13)}`, `u${randomName(13)}`];
  let password = newPassword();
  const stop: Source["stop"] = async (mode = "fast") => {
    await cluster.stop(mode);
    await archiver.stop();
  };
  const source: Source = {
    cluster,
    database,
    owner,
    url: () => cluster.url(owner, password, database),
    rotatePassword: async () => {
      password = newPassword();
      await asAdmin(cluster, [`alter role ${quoteIdent(owner)} password ${quoteLiteral(password)}`]);
      return source.url();
    },
    takeBaseBackup: (signal) =>
      takeBaseBackup({ cluster, store: spec.archive, partitionBytes: spec.partitionBytes, signal }),
    loadFile: (options) => loadFile({ ...options, url: source.url() }),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop("immediate");
      await cluster[Symbol.asyncDispose]();
    },
  };
  try {
    await cluster.start();
    await makeOwner(cluster, { database, owner, password });
    return source;
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

/** `p` and 64 hexadecimal digits, as Heroku makes them. */
function newPassword(): string {
  return `p${randomBytes(32).toString("hex")}`;
}

async function asAdmin(cluster: SandboxCluster, statements: readonly string[]): Promise<void> {
  await using admin = openDatabase(cluster.adminUrl(), { applicationName: "heroku-admin", max: 1 });
  for (const statement of statements) await admin.query(statement);
}

/** One step below superuser: owns its database and may look at everything, but neither replicate nor switch WAL. */
async function makeOwner(
  cluster: SandboxCluster,
  names: { database: string; owner: string; password: string },
): Promise<void> {
  const owner = quoteIdent(names.owner);
  const database = quoteIdent(names.database);
  await asAdmin(cluster, [
    `create role ${owner} login nosuperuser nocreatedb nocreaterole noreplication password ${quoteLiteral(names.password)}`,
    `grant pg_monitor, pg_signal_backend, pg_read_all_settings to ${owner}`,
    `create database ${database} owner ${owner}`,
    `revoke connect on database ${database} from public`,
  ]);
}

/** The `archive_command` is a shell script that hands each segment to this process, which packs and stores it. */
async function startArchiver(
  cluster: SandboxCluster,
  { archive: store, log }: SourceSpec,
): Promise<{ stop: () => Promise<void> }> {
  const spool = { dir: join(cluster.directory, "spool"), owner: cluster.owner };
  await rm(spool.dir, { recursive: true, force: true });
  await prepareSpool(spool);
  const { archiveCommand } = await writeWalScripts(cluster.directory, spool);
  await cluster.configure({ archive_command: archiveCommand });
  const stopping = new AbortController();
  const { signal } = stopping;
  const serving = serveArchiving({
    spool,
    signal,
    put: (name, path) => putWal({ store, path, name, signal }),
    onFault: (name, fault) => log.warn({ name, fault: String(fault) }, "the source's archiver could not store WAL"),
    onStored: (name) => log.debug({ name }, "WAL archived"),
  });
  const ended = serving.catch((fault: unknown) => log.error({ fault: String(fault) }, "the source's archiver ended"));
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}
