import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { waitFor } from "../../../src/clock.ts";
import { freePort } from "../../support/free-port.ts";
import { serverUser } from "../../support/server-user.ts";
import { makeHome, runArchive } from "./run-command.ts";

const run = promisify(execFile);

/** A cluster that `archive restore` made, and that a person starts with `pg_ctl`. */
export interface HandRestored extends AsyncDisposable {
  readonly dataDir: string;
  readonly port: number;
  readonly bindir: string;
  /** `pg_ctl start`, as the server's user; resolves when the server has said its first words. */
  start(): Promise<void>;
  stop(): Promise<void>;
  isRunning(): boolean;
  log(): string;
  /** A session over the local socket, as the person who restored. */
  connect(database?: string, user?: string): Promise<Client>;
}

/** Restores with the command. `args`: the prefix and whatever else. */
export async function restoreByHand(bindir: string, args: readonly string[]): Promise<HandRestored> {
  const home = await makeHome();
  const dataDir = join(home.path, "it's 100% mine", "data");
  const port = await freePort();
  const ended = await runArchive(["restore", ...args, "--into", dataDir, "--port", String(port), "--json"]);
  if (ended.status !== 0) {
    await home[Symbol.asyncDispose]();
    throw new Error(`archive restore ended with ${ended.status}: ${ended.stderr}`);
  }
  const control = (words: readonly string[]): Promise<unknown> =>
    run(join(bindir, "pg_ctl"), ["-D", dataDir, "-s", ...words], { ...serverUser(), cwd: "/" });
  const isRunning = (): boolean => existsSync(join(dataDir, "postmaster.pid"));
  const log = (): string => readFileSync(join(dataDir, "server.log"), "utf8");
  const stop = async (): Promise<void> => {
    if (isRunning()) await control(["stop", "-m", "immediate", "-w"]).catch(() => undefined);
  };
  return {
    dataDir,
    port,
    bindir,
    isRunning,
    stop,
    start: async () => {
      await control(["start", "-W", "-l", join(dataDir, "server.log")]);
      // written after postmaster.pid
      const words = /starting PostgreSQL|FATAL/;
      await waitFor(() => words.test(log()), { what: "the server's first words", deadlineMs: 30_000, everyMs: 20 });
    },
    log,
    connect: (database = "postgres", user = "postgres") => openClient({ host: dataDir, port, database, user }),
    [Symbol.asyncDispose]: async () => {
      await stop();
      await home[Symbol.asyncDispose]();
    },
  };
}

/** Opens a session without a password. */
export async function openClient(at: { host: string; port: number; database: string; user: string }): Promise<Client> {
  const client = new Client({ ...at, connectionTimeoutMillis: 10_000 });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Waits until a query gives `true`, over sessions opened anew: a server that recovers takes none at first. */
export async function waitForTrue(server: HandRestored, sql: string, database = "postgres"): Promise<void> {
  await waitFor(
    async () => {
      if (!server.isRunning()) throw new Error(`the server is gone:\n${server.log()}`);
      const client = await server.connect(database).catch(() => undefined);
      try {
        return (await client?.query<{ ok: boolean }>(`select (${sql}) as ok`))?.rows[0]?.ok === true;
      } finally {
        await client?.end();
      }
    },
    { what: sql, deadlineMs: 180_000, everyMs: 200 },
  );
}
