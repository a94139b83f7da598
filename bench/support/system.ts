import { execFile, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { chownSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { serverUser } from "../../test/support/server-user.ts";

/** Environment of a child: only what it needs, so that no setting of the shell changes a measurement. */
export type Env = Readonly<Record<string, string>>;

/** A program with its arguments, and what it is to run with. */
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Env;
  readonly cwd?: string;
  /** As ourselves, and not as the database server's user. */
  readonly asSelf?: boolean;
}

/** PATH and HOME that every child gets. */
export const plainEnv: Env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: "/tmp", LC_ALL: "C.UTF-8" };

/** Options of `spawn` for a command. */
export function spawnOptions({ env, cwd, asSelf }: Command): SpawnOptions {
  return { env: { ...plainEnv, ...env }, cwd: cwd ?? "/tmp", ...(asSelf === true ? {} : serverUser()) };
}

/** Runs to the end and gives what was printed. @throws with standard error in the message when it fails. */
export async function output(command: Command): Promise<string> {
  const [program = "", ...args] = command.argv;
  const { stdout } = await promisify(execFile)(program, args, {
    ...spawnOptions(command),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** Runs a shell line that may take long, its output shown on standard error. @throws when it fails. */
export async function shell(line: string, env: Env = {}, asSelf = false): Promise<void> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", line], {
    ...spawnOptions({ argv: [], env, asSelf }),
    stdio: ["ignore", 2, 2],
  });
  const [status] = (await once(child, "exit")) as unknown[];
  if (status !== 0) throw new Error(`ended with ${String(status)}: ${line}`);
}

/** A fresh directory that belongs to the database server's user. */
export function freshDir(path: string): string {
  rmSync(path, { recursive: true, force: true });
  return ownDir(path);
}

/** A directory that belongs to the database server's user; what it holds stays. */
export function ownDir(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, gid } = serverUser();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  return path;
}

/**
 * Writes everything dirty to disk, so that one run does not pay for the one before. Then the files at or below `paths` are read
 * twice, which keeps them in the page cache: this machine pages out what nobody has asked for in the last minute. Last, as that
 * minute would undo it, free memory is filled with page cache, as it is on a machine that has run for a day. A virtual machine
 * gives free memory back to its host: whoever used it first would pay for getting it again (5 to 10 µs for each 4 KiB here, up to
 * three times what writing them costs).
 */
export async function settle(paths: readonly string[] = []): Promise<void> {
  await output({ argv: ["sync"], asSelf: true });
  for (let times = 0; times < 2 && paths.length > 0; times += 1) {
    await output({ argv: ["find", ...paths, "-type", "f", "-exec", "cksum", "-a", "bsd", "{}", "+"], asSelf: true });
  }
  filler ??= openFiller();
  const piece = Buffer.alloc(1024 * 1024);
  // more than once: what lies in the page cache already takes nothing, and old pages are dropped meanwhile
  for (let read = 0; read < 3 * totalmem() && freeBytes() > leftFreeBytes; read += piece.length) {
    readSync(filler, piece, 0, piece.length, read % totalmem());
  }
}

/** What settling leaves free, in bytes. */
const leftFreeBytes = 200 * 1024 * 1024;
let filler: number | undefined;

/** A file as large as memory without a single block: reading it takes memory and no disk. It lasts as long as we do. */
function openFiller(): number {
  const path = join(tmpdir(), `drawbridge-bench-filler-${process.pid}`);
  const file = openSync(path, "w+");
  ftruncateSync(file, totalmem());
  process.once("exit", () => rmSync(path, { force: true }));
  return file;
}

/** Memory that nothing is in; not what could be had by giving up page cache. */
function freeBytes(): number {
  const found = /^MemFree: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return Number(found?.[1] ?? 0) * 1024;
}

/** Tells how far a long preparation is. */
export function say(what: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what}\n`);
}
