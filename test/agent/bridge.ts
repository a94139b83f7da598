import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { runAgent } from "../../src/agent/agent.ts";
import type { AgentDeps } from "../../src/agent/context.ts";
import { instancePaths } from "../../src/agent/instance.ts";
import { stopServer } from "../../src/agent/local-postgres.ts";
import { findServerUser } from "../../src/archive/server/server-user.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { systemClock } from "../../src/clock.ts";
import { openLog, silentLog } from "../../src/log.ts";
import { openSession, type Session } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { systemBindir } from "../support/bindir.ts";
import { MemoryJournal } from "./memory-journal.ts";

/** In memory where the system has such a place: a restore syncs its file system, and others write to the disk's meanwhile. */
const place = existsSync("/dev/shm") ? "/dev/shm" : "/tmp";

/** A bridge host for one test: a directory, a journal, an agent that can be stopped and started. */
export interface TestBridge extends AsyncDisposable {
  readonly home: string;
  readonly journal: MemoryJournal;
  readonly instanceDir: string;
  /** The folder that plays our own bucket. */
  readonly backupsDir: string;
  startAgent(): void;
  /** Stops the agent; PostgreSQL goes on. */
  stopAgent(): Promise<void>;
  /** A superuser's session on the local socket. */
  session(database: string, port: number, user?: string): Promise<Session>;
}

/**
 * Makes a bridge that restores from `archive`; `host` and `tls` say how it is reached, by loopback unless told. `bindir` may
 * hold programs that fail.
 */
export async function makeBridge(
  archive: AgentDeps["archive"],
  reached: Pick<AgentDeps, "tls"> & { readonly host?: string; readonly bindir?: string } = {},
): Promise<TestBridge> {
  const home = await mkdtemp(join(place, "drawbridge-bridge-"));
  await chmod(home, 0o755);
  const journal = new MemoryJournal();
  const instanceDir = join(home, "instance");
  const backupsDir = join(home, "bucket");
  const paths = instancePaths(instanceDir);
  const bindir = reached.bindir ?? systemBindir();
  let stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const stopAgent = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return {
    home,
    journal,
    instanceDir,
    backupsDir,
    startAgent: () => {
      stop = new AbortController();
      running = runAgent({
        journal,
        archive,
        backups: folderStore(backupsDir),
        instanceDir,
        bindir,
        host: "127.0.0.1",
        ...reached,
        partitionBytes: 8 * 1024 * 1024,
        settings: { shared_buffers: "16MB", fsync: "off" },
        log: process.env["AGENT_LOG"] === undefined ? silentLog : openLog("agent", "debug"),
        clock: systemClock,
        signal: stop.signal,
      });
    },
    stopAgent,
    session: (database, port, user = "postgres") =>
      openSession(
        new Secret(`postgres://${user}@/${database}?host=${encodeURIComponent(paths.socketDir)}&port=${port}`),
        { applicationName: "drawbridge-test", options: "-c default_transaction_read_only=off" },
      ),
    [Symbol.asyncDispose]: async () => {
      await stopAgent();
      await stopServer({ paths, bindir, user: await findServerUser() }, "immediate");
      await rm(home, { recursive: true, force: true });
      await rm(paths.socketDir, { recursive: true, force: true });
    },
  };
}
