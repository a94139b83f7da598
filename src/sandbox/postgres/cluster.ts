import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { waitFor } from "../../clock.ts";
import { DrawbridgeError } from "../../errors.ts";
import { Secret } from "../../redact.ts";
import { makeOwnedDirectory, type ServerOwner, serverOwner } from "./server-owner.ts";

/** What a cluster of the sandbox looks like. */
export interface ClusterSpec {
  /** Directory of the server's programs. */
  readonly bindir: string;
  /** Gets `data/` and `server.log`; made when missing. The servers' user must be able to pass its parents. */
  readonly directory: string;
  /** The bootstrap superuser; it may only come in through the local socket. */
  readonly superuser: string;
  /** Lines of postgresql.conf; values are quoted here. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A PostgreSQL server of the sandbox, on a free loopback port and a Unix socket of its own. */
export interface SandboxCluster extends AsyncDisposable {
  readonly bindir: string;
  readonly directory: string;
  readonly dataDir: string;
  readonly owner: ServerOwner | undefined;
  readonly port: number;
  /** The postmaster's process id while it runs. */
  pid(): number | undefined;
  /** The superuser's URL through the local socket. */
  adminUrl(database?: string): Secret;
  /** A role's URL over TCP. */
  url(user: string, password: string, database: string): Secret;
  /** Replaces the given settings; they count from the next reload or start. */
  configure(settings: Readonly<Record<string, string>>): Promise<void>;
  /** @throws DrawbridgeError `DB_CONFIG` with the server's last words when it refuses to start. */
  start(): Promise<void>;
  /** `fast` waits for the last WAL to be archived; `immediate` is a crash. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
  /** Stops at once and removes the socket's directory; `directory` stays. */
  [Symbol.asyncDispose](): Promise<void>;
}

const everyCluster = {
  listen_addresses: "127.0.0.1",
  password_encryption: "scram-sha-256",
  // the sandbox may lose everything in a power failure, but torn pages must stay what they are in an archive
  fsync: "off",
  full_page_writes: "on",
  shared_buffers: "64MB",
  timezone: "UTC",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] %u@%d ",
} as const;

/** initdb as the servers' user: UTF-8, checksums, SCRAM over TCP; then it has to be started. */
export async function createCluster(spec: ClusterSpec): Promise<SandboxCluster> {
  const owner = serverOwner();
  await makeOwnedDirectory(spec.directory, owner);
  // the socket's path may have 107 bytes, and the run's directory may lie deep
  const socketDir = await mkdtemp(join(tmpdir(), "drawbridge-pg-"));
  if (owner) await chown(socketDir, owner.uid, owner.gid);
  await chmod(socketDir, 0o700);
  const dataDir = join(spec.directory, "data");
  const flags = ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync", "--auth=trust"];
  await execa(join(spec.bindir, "initdb"), ["-D", dataDir, "-U", spec.superuser, ...flags], {
    cwd: spec.directory,
    ...(owner ? { uid: owner.uid, gid: owner.gid } : {}),
  });
  const hba = [
    `local all ${spec.superuser} trust`,
    "local all all reject",
    `host all ${spec.superuser} all reject`,
    "host all all 127.0.0.1/32 scram-sha-256",
    "host replication all 127.0.0.1/32 scram-sha-256",
  ];
  await writeAs(owner, join(dataDir, "pg_hba.conf"), `${hba.join("\n")}\n`);
  const server = new Server({ ...spec, dataDir, socketDir, owner });
  await server.configure({});
  return server;
}

async function writeAs(owner: ServerOwner | undefined, path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (owner) await chown(path, owner.uid, owner.gid);
}

interface Place extends ClusterSpec {
  readonly dataDir: string;
  readonly socketDir: string;
  readonly owner: ServerOwner | undefined;
}

class Server implements SandboxCluster {
  readonly bindir: string;
  readonly directory: string;
  readonly dataDir: string;
  readonly owner: ServerOwner | undefined;
  port = 0;
  readonly #place: Place;
  #settings: Record<string, string>;
  #process: ChildProcess | undefined;

  constructor(place: Place) {
    ({ bindir: this.bindir, directory: this.directory, dataDir: this.dataDir, owner: this.owner } = place);
    this.#place = place;
    this.#settings = { ...everyCluster, ...place.settings, unix_socket_directories: place.socketDir };
  }

  pid(): number | undefined {
    return isRunning(this.#process) ? this.#process?.pid : undefined;
  }

  adminUrl(database = "postgres"): Secret {
    const host = encodeURIComponent(this.#place.socketDir);
    return new Secret(
      `postgres://${this.#place.superuser}@/${encodeURIComponent(database)}?host=${host}&port=${this.port}`,
    );
  }

  url(user: string, password: string, database: string): Secret {
    return new Secret(
      `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`,
    );
  }

  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    const lines = Object.entries(this.#settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    await writeAs(this.owner, join(this.dataDir, "postgresql.conf"), lines.join(""));
  }

  /** The port is kept over restarts. A free one may be taken by somebody else before the server has it; then another is tried. */
  async start(): Promise<void> {
    const chosen = this.port;
    for (let tries = 1; ; tries += 1) {
      this.port = chosen === 0 ? await freePort() : chosen;
      try {
        return await this.#startOnce();
      } catch (error) {
        if (chosen !== 0 || tries === 5 || !/could not (bind|create any TCP)/.test(String(error))) throw error;
      }
    }
  }

  async #startOnce(): Promise<void> {
    const logFile = join(this.directory, "server.log");
    const log = openSync(logFile, "a", 0o644);
    const child = spawn(join(this.bindir, "postgres"), ["-D", this.dataDir, "-p", String(this.port)], {
      cwd: this.directory,
      stdio: ["ignore", log, log],
      // Ctrl-C in a terminal goes to whole process groups; the sandbox stops its servers in order
      detached: true,
      ...(this.owner ? { uid: this.owner.uid, gid: this.owner.gid } : {}),
    });
    closeSync(log);
    child.on("error", () => undefined);
    this.#process = child;
    const ready = (): boolean => {
      if (child.pid === undefined || !isRunning(child)) {
        const words = readFileSync(logFile, "utf8").slice(-2000);
        throw new DrawbridgeError("DB_CONFIG", `PostgreSQL in ${this.directory} did not start:\n${words}`);
      }
      const pidFile = join(this.dataDir, "postmaster.pid");
      const lines = existsSync(pidFile) ? readFileSync(pidFile, "utf8").split("\n") : [];
      return lines[0] === String(child.pid) && lines[7]?.trim() === "ready";
    };
    await waitFor(ready, { what: `PostgreSQL in ${this.directory}`, deadlineMs: 30_000, everyMs: 20 });
    child.once("exit", () => void this.#revive(child));
  }

  /** Starts a server that died again, as a service manager does; after a kill its old processes need a moment to go. */
  async #revive(dead: ChildProcess): Promise<void> {
    for (let tries = 1; this.#process === dead && tries <= 60; tries += 1) {
      await delay(500);
      if (this.#process !== dead) return;
      try {
        await this.#startOnce();
      } catch {
        // stopped meanwhile: stays so
        if (this.#process !== undefined) this.#process = dead;
      }
    }
  }

  async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || !isRunning(child)) return;
    const gone = once(child, "exit");
    child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    const patience = setTimeout(() => child.kill("SIGQUIT"), 20_000);
    await gone;
    clearTimeout(patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("immediate");
    await rm(this.#place.socketDir, { recursive: true, force: true });
  }
}

function isRunning(child: ChildProcess | undefined): boolean {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new DrawbridgeError("DB_UNEXPECTED", "no TCP port");
  return address.port;
}
