import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type DecodePool, openDecodePool } from "../../../src/archive/wal/decode-pool.ts";
import {
  type RestoreService,
  serveRestores,
  type ServeRestoresOptions,
} from "../../../src/archive/wal/serve-restores.ts";
import { prepareSpool, type Spool } from "../../../src/archive/wal/spool.ts";
import { writeWalScripts, type WalScriptOptions, type WalScripts } from "../../../src/archive/wal/wal-scripts.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { waitFor } from "../../../src/clock.ts";
import { explain } from "../../../src/errors.ts";
import { silentLog } from "../../../src/log.ts";
import { makeSegment, memoryStore, nameOf, type MemoryStore } from "./made-wal.ts";

const run = promisify(execFile);

/** An archive in memory, a spool, the commands of a server, and the couriers that serve it one after the other. */
export interface World {
  readonly dir: string;
  readonly spool: Spool;
  readonly store: MemoryStore;
  readonly scripts: WalScripts;
  readonly faults: string[];
  readonly taken: string[];
  start(options?: Partial<ServeRestoresOptions>): Promise<RestoreService>;
  stop(): Promise<void>;
  /** The server's `pg_wal`, which the courier knows of when it is told. */
  readonly walDir: string;
  /** Runs `restore_command` as the server does, in its data directory; resolves with its exit status. */
  restore(name: string, to?: string, restartPoint?: string): Promise<number>;
  ready(): Promise<string[]>;
}

/** All worlds of a test file. */
export interface Worlds extends AsyncDisposable {
  /** One with segments 1 to `last` of timeline 1 in its archive. */
  make(last: number, scripts?: WalScriptOptions): Promise<World>;
  /** Stops the couriers of all that were made. */
  stopAll(): Promise<void>;
}

/** Opens a directory for worlds, and the threads that they share. */
export async function openWorlds(): Promise<Worlds> {
  const home = await mkdtemp("/tmp/drawbridge-courier-");
  const pool = openDecodePool(2);
  const made: World[] = [];
  const stopAll = async (): Promise<void> => {
    for (const world of made.splice(0)) await world.stop();
  };
  let count = 0;
  return {
    make: async (last, scripts = {}) => {
      const world = await makeWorld(join(home, `it's ${(count += 1)} world`), pool, last, scripts);
      made.push(world);
      return world;
    },
    stopAll,
    [Symbol.asyncDispose]: async () => {
      await stopAll();
      await pool[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function makeWorld(dir: string, pool: DecodePool, last: number, scripts: WalScriptOptions): Promise<World> {
  const spool = { dir: join(dir, "spool") };
  const dataDir = join(dir, "data");
  const walDir = join(dataDir, "pg_wal");
  execFileSync("mkdir", ["-p", join(walDir, "archive_status")]);
  await prepareSpool(spool);
  const numbers = Array.from({ length: last }, (_, at) => at + 1);
  const store = memoryStore(Object.fromEntries(numbers.map((number) => [nameOf(number), makeSegment(number)])));
  const commands = await writeWalScripts(dir, spool, scripts);
  const [faults, taken]: [string[], string[]] = [[], []];
  let stop = new AbortController();
  let service: RestoreService | undefined;
  return {
    dir,
    spool,
    store,
    scripts: commands,
    walDir,
    faults,
    taken,
    start: async (options = {}) => {
      stop = new AbortController();
      service = await serveRestores({
        spool,
        source: new WalSource({ store, pool }),
        mode: scripts.mode ?? "standby",
        troubleMs: 400,
        onFault: (_, fault) => void faults.push(explain(fault)),
        onTaken: (name) => void taken.push(name),
        log: silentLog,
        signal: stop.signal,
        ...options,
      });
      return service;
    },
    stop: async () => {
      stop.abort();
      await service?.ended;
    },
    restore: async (name, to = join(dir, "got"), restartPoint = "0".repeat(24)) => {
      const command = commands.restoreCommand
        .replaceAll("%f", name)
        .replaceAll("%p", to)
        .replaceAll("%r", restartPoint);
      return run("sh", ["-c", command], { cwd: dataDir }).then(
        () => 0,
        (fault: { code: number }) => fault.code,
      );
    },
    ready: async () => (await readdir(join(spool.dir, "ready"))).filter((name) => !name.startsWith(".")).toSorted(),
  };
}

/** Polls, with a deadline. */
export async function until(what: string, probe: () => Promise<boolean> | boolean): Promise<void> {
  await waitFor(probe, { deadlineMs: 15_000, everyMs: 10, what });
}
