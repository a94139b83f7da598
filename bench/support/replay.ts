import { chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { waitFor } from "../../src/clock.ts";
import { freePort } from "../../test/support/free-port.ts";
import { serverUser } from "../../test/support/server-user.ts";
import { type Timed, watchSteal } from "./machine.ts";
import { bindir } from "./source-cluster.ts";
import { output, settle, shell } from "./system.ts";

/** One replay of the archive's WAL; its time is from the server's start until it has replayed everything. */
export interface Replayed extends Timed {
  /** Rows of the table `event` afterwards. */
  readonly events: string;
}

/** What a replay starts from. */
export interface ReplayOptions {
  /** A restored base backup with its `backup_label`; it is copied and stays as it is. */
  readonly base: string;
  /** The copy; removed afterwards. */
  readonly dataDir: string;
  /** Absent: the segments lie in `pg_wal` already. */
  readonly restoreCommand?: string;
  /** Uncompressed segments and their names. */
  readonly walDir: string;
  readonly segments: readonly string[];
  /** What the WAL comes from, when not from `pg_wal`. */
  readonly inputs?: readonly string[];
  /** Called at the moment in which the server is started. */
  readonly onStart?: (() => void) | undefined;
  /** WAL position to be reached. */
  readonly untilLsn: string;
}

/** Copies the base backup, starts it as a standby and waits until it has replayed up to `untilLsn`. */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { base, dataDir, restoreCommand, walDir, segments, untilLsn } = options;
  rmSync(dataDir, { recursive: true, force: true });
  await output({ argv: ["cp", "-a", base, dataDir] });
  if (restoreCommand === undefined) {
    await output({ argv: ["cp", ...segments.map((name) => join(walDir, name)), join(dataDir, "pg_wal")] });
  }
  const port = await freePort();
  configure(dataDir, port, restoreCommand);
  // so that none pays for the disk
  await settle([join(dataDir, "base"), ...(options.inputs ?? [join(dataDir, "pg_wal")])]);
  const stolen = watchSteal();
  const begun = performance.now();
  options.onStart?.();
  await shell(`${bindir}/pg_ctl -D '${dataDir}' -l '${dataDir}.log' -W start >/dev/null`);
  try {
    // one session for all questions: a new one for each would take a tenth of a processor
    await using client = await session(dataDir, port);
    const reached = `SELECT (pg_last_wal_replay_lsn() >= '${untilLsn}'::pg_lsn)::text AS answer`;
    await waitFor(async () => (await answerTo(client, reached)) === "true", {
      everyMs: 50,
      deadlineMs: 900_000,
      what: `the replay of ${untilLsn}`,
    });
    const wallSeconds = (performance.now() - begun) / 1000;
    const stolenSeconds = stolen();
    return { wallSeconds, stolenSeconds, events: await answerTo(client, "SELECT count(*)::text AS answer FROM event") };
  } finally {
    await shell(`${bindir}/pg_ctl -D '${dataDir}' -m immediate -w stop >/dev/null`);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function configure(dataDir: string, port: number, restoreCommand: string | undefined): void {
  const settings = [
    "listen_addresses = ''",
    `unix_socket_directories = '${dataDir}'`,
    `port = ${port}`,
    "hot_standby = on",
    "shared_buffers = 1GB",
    "max_wal_size = 16GB",
    "checkpoint_timeout = 30min",
    "wal_retrieve_retry_interval = 200ms",
    ...(restoreCommand === undefined ? [] : [`restore_command = '${restoreCommand.replaceAll("'", "''")}'`]),
  ];
  const files = { "postgresql.conf": settings.join("\n"), "pg_hba.conf": "local all all trust", "pg_ident.conf": "" };
  const { uid, gid } = serverUser();
  for (const [name, content] of Object.entries({ ...files, "standby.signal": "", "postgresql.auto.conf": "" })) {
    writeFileSync(join(dataDir, name), `${content}\n`, { mode: 0o600 });
    if (uid !== undefined && gid !== undefined) chownSync(join(dataDir, name), uid, gid);
  }
}

/** Connects as soon as the server lets anybody in: it replays while we ask. */
async function session(host: string, port: number): Promise<Session> {
  return waitFor(() => connected(host, port), {
    everyMs: 50,
    deadlineMs: 900_000,
    what: "the server's first session",
  });
}

type Session = Client & AsyncDisposable;

async function connected(host: string, port: number): Promise<Session | undefined> {
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
  } catch (cause) {
    await client.end().catch(() => undefined);
    if (isStarting(cause)) return undefined;
    throw cause;
  }
}

async function answerTo(client: Client, sql: string): Promise<string> {
  return (await client.query<{ answer: string }>(sql)).rows[0]?.answer ?? "";
}

/** No socket yet, or 57P03: still starting. */
function isStarting(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && /^(ENOENT|ECONNREFUSED|57P03)$/.test(String(cause.code));
}
