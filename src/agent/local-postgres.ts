import { chown, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ifThere } from "../archive/host/if-there.ts";
import type { ServerUser } from "../archive/server/server-user.ts";
import { waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import { openSession, type Session } from "../postgres/session.ts";
import { Secret } from "../redact.ts";
import type { InstancePaths } from "./instance.ts";

/** The PostgreSQL server of one instance: a service of its own that outlives the agent. */
export interface LocalServer {
  readonly paths: InstancePaths;
  /** PostgreSQL's programs. */
  readonly bindir: string;
  readonly user: ServerUser;
  readonly port: number;
  /** Superuser on the local socket. */
  readonly role: string;
}

/** How long a new server may take to write its process id, in milliseconds. */
const pidDeadlineMs = 10_000;

/** Starts the server and returns at once; it may need hours until it takes connections. */
export async function startServer(server: LocalServer): Promise<void> {
  const log = await open(server.paths.logFile, "a", 0o600);
  await log.close();
  if (server.user.owner) await chown(server.paths.logFile, server.user.owner.uid, server.user.owner.gid);
  await runProgram(server, "pg_ctl", ["start", "-D", server.paths.dataDir, "-W", "-s", "-l", server.paths.logFile]);
  try {
    const options = { deadlineMs: pidDeadlineMs, everyMs: 20, what: "PostgreSQL's process" };
    await waitFor(() => serverPid(server.paths), options);
  } catch (cause) {
    throw new DrawbridgeError("DB_BRIDGE", `PostgreSQL did not start: ${await lastWords(server.paths)}`, { cause });
  }
}

/**
 * Stops the server, ending its sessions; nothing to do when it does not run. `fast` on a primary waits until its last WAL is
 * archived, so the courier has to live; `immediate` is for data that is thrown away.
 * @throws DrawbridgeError `DB_BRIDGE` when it does not stop.
 */
export async function stopServer(
  server: Omit<LocalServer, "port" | "role">,
  mode: "fast" | "immediate",
  timeoutSeconds = 60,
): Promise<void> {
  if ((await serverPid(server.paths)) === undefined) return;
  const args = ["stop", "-D", server.paths.dataDir, "-m", mode, "-w", "-s", "-t", String(timeoutSeconds)];
  await runProgram(server, "pg_ctl", args);
}

/** Process id of the running server, `undefined` when none runs. */
export async function serverPid(paths: InstancePaths): Promise<number | undefined> {
  const text = await ifThere(readFile(join(paths.dataDir, "postmaster.pid"), "utf8"));
  if (text === undefined) return undefined;
  const pid = Number(text.split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM: alive, of another user
    if (!(cause instanceof Error && "code" in cause && cause.code === "EPERM")) return undefined;
  }
  // where /proc does not tell, a process of that number is taken for the server: nothing of it is touched then
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "postgres");
  return command.includes("postgres") ? pid : undefined;
}

/** A superuser's session over the local socket, in which writing is allowed whatever the database's default says. */
export async function openLocalSession(server: LocalServer, database = "postgres"): Promise<Session> {
  const { socketDir } = server.paths;
  const user = encodeURIComponent(server.role);
  const name = encodeURIComponent(database);
  const url = new Secret(`postgres://${user}@/${name}?host=${encodeURIComponent(socketDir)}&port=${server.port}`);
  return openSession(url, {
    applicationName: "drawbridge-agent",
    options: "-c default_transaction_read_only=off -c lock_timeout=10s",
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 0,
  });
}

/**
 * Waits until the server takes connections.
 * @throws DrawbridgeError `DB_BRIDGE` with the last words of its log when it has died, `DB_WAIT_TIMEOUT` after `deadlineMs`.
 */
export async function waitForServer(server: LocalServer, deadlineMs: number, signal: AbortSignal): Promise<Session> {
  return waitFor(
    async () => {
      try {
        return await openLocalSession(server);
      } catch (cause) {
        if ((await serverPid(server.paths)) !== undefined) return undefined;
        throw new DrawbridgeError("DB_BRIDGE", `PostgreSQL has stopped: ${await lastWords(server.paths)}`, { cause });
      }
    },
    { deadlineMs, everyMs: 100, signal, what: "PostgreSQL on the bridge to take connections" },
  );
}

/** The last complaint in the server's log. */
export async function lastWords(paths: InstancePaths): Promise<string> {
  const text = await readFile(paths.logFile, "utf8").catch(() => "");
  const lines = text.slice(-20_000).split("\n");
  return lines.findLast((line) => /(FATAL|PANIC|ERROR):/.test(line)) ?? lines.at(-2) ?? "its log is empty";
}

/** The control file as `pg_controldata` prints it: value by title (`max_connections setting: 100`). */
export async function readControlData(server: Omit<LocalServer, "port" | "role">): Promise<Map<string, string>> {
  const said = await runProgram(server, "pg_controldata", ["-D", server.paths.dataDir]);
  return new Map([...said.matchAll(/^(.+?):\s+(.*)$/gm)].map(([, title = "", value = ""]) => [title, value]));
}

/** Limits of the server that wrote the WAL, as the control file has them; replay keeps them up to date. */
export async function readControlSettings(server: Omit<LocalServer, "port" | "role">): Promise<Record<string, number>> {
  const settings: Record<string, number> = {};
  for (const [title, value] of await readControlData(server)) {
    const name = /^(max_\w+) setting$/.exec(title)?.[1];
    if (name !== undefined) settings[controlNames[name] ?? name] = Number(value);
  }
  return settings;
}

/** Where `pg_controldata` has another name than `postgresql.conf`. */
const controlNames: Readonly<Record<string, string>> = {
  max_prepared_xacts: "max_prepared_transactions",
  max_locks_per_xact: "max_locks_per_transaction",
};

/** Runs one of PostgreSQL's programs as the server's user, with nothing of our environment. */
async function runProgram(
  server: Pick<LocalServer, "bindir" | "user" | "paths">,
  program: string,
  args: readonly string[],
): Promise<string> {
  const { owner } = server.user;
  try {
    const { stdout } = await execa(join(server.bindir, program), args, {
      cwd: server.paths.dir,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", HOME: server.paths.dir },
      extendEnv: false,
      stdin: "ignore",
      ...(owner ? { uid: owner.uid, gid: owner.gid } : {}),
    });
    return stdout;
  } catch (cause) {
    const words = await lastWords(server.paths);
    throw new DrawbridgeError("DB_BRIDGE", `${program} ${args[0] ?? ""} failed: ${words}`, { cause });
  }
}
