import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ourEnv, ourNode } from "./ours.ts";
import type { S3Server } from "./s3-server.ts";
import { freshDir, spawnOptions } from "./system.ts";

/** Our resident process that carries WAL, and the restore_command that asks it. */
export interface Courier extends AsyncDisposable {
  readonly restoreCommand: string;
  readonly pid: number;
  /** Lets it fetch from this segment on, as the agent does once it knows the backup. */
  startAt(segment: string): void;
}

/** Starts it for the archive `name`, with its spool below `dir`, for a server with this `pg_wal` if there is one. */
export async function startCourier(server: S3Server, name: string, dir: string, walDir?: string): Promise<Courier> {
  freshDir(dir);
  const argv = [
    ...ourNode(),
    join(import.meta.dirname, "wal-driver.mjs"),
    server.endpoint,
    name,
    dir,
    ...(walDir === undefined ? [] : [walDir]),
  ];
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    ...spawnOptions({ argv, env: ourEnv(server) }),
    stdio: ["pipe", "pipe", "inherit"],
    // a session of its own, as the agent and whatever restore_command starts
    detached: true,
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill();
    await gone;
  };
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("no standard input or output");
  for await (const restoreCommand of createInterface(stdout)) {
    const startAt = (segment: string): void => void stdin.write(`${segment}\n`);
    return { restoreCommand, pid: child.pid ?? 0, startAt, [Symbol.asyncDispose]: stop };
  }
  throw new Error("our courier ended without a word");
}
