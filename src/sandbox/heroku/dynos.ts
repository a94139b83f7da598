import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import type { Log } from "../../log.ts";
import type { App, Release } from "./world.ts";

/** How dynos behave. All times in milliseconds. */
export interface DynoSettings {
  /** Between SIGTERM and SIGKILL; Heroku's is 30,000. */
  readonly graceMs?: number;
  /** Before a crashed dyno is started again. */
  readonly crashBackoffMs?: number;
  /** How long old and new web dynos run side by side under preboot, once the new one is up. */
  readonly prebootMs?: number;
  /** Time a web dyno has to listen on its $PORT; Heroku's is 60,000. */
  readonly bootMs?: number;
  /** A file `<app>.<dyno>.log` each; without it what dynos print is dropped. */
  readonly logDirectory?: string;
}

/** A process of an app. */
export interface Dyno {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly command: string;
  readonly size: string;
  readonly release: Release;
  /** Not of the formation: `run`, `scheduler`, `release`. Nothing starts it again. */
  readonly oneOff: boolean;
  readonly createdAt: Date;
  updatedAt: Date;
  state: "starting" | "up" | "crashed";
  /** It was told to go, or went by itself as a one-off does: no crash. */
  stopping: boolean;
  child: ChildProcess | undefined;
  /** Where a web dyno listens, on loopback. */
  port: number | undefined;
  readonly gone: PromiseWithResolvers<number>;
}

/** What to start. */
export interface DynoOrder {
  readonly app: App;
  readonly name: string;
  readonly type: string;
  readonly command: string;
  readonly size?: string;
  readonly release: Release;
  readonly oneOff?: boolean;
  readonly env?: ReadonlyMap<string, string>;
}

/** Starts a dyno as a real process in a process group of its own; `dyno.gone` tells its exit status. */
export function startDyno(order: DynoOrder, settings: DynoSettings, log: Log): Dyno {
  const now = new Date();
  const { name, type, command, release } = order;
  const dyno: Dyno = {
    id: randomUUID(),
    name,
    type,
    command,
    size: order.size ?? "Standard-1X",
    release,
    oneOff: order.oneOff ?? false,
    createdAt: now,
    updatedAt: now,
    state: "starting",
    stopping: false,
    child: undefined,
    port: undefined,
    gone: Promise.withResolvers<number>(),
  };
  order.app.dynos.push(dyno);
  void launch(dyno, order, settings, log);
  return dyno;
}

/** A command without shell syntax: the shell is replaced by it, so that the dyno is gone exactly when its process is. */
const simple = /^[^;&|<>()`\n]*$/;

async function launch(dyno: Dyno, order: DynoOrder, settings: DynoSettings, log: Log): Promise<void> {
  const port = dyno.type === "web" ? await freePort() : undefined;
  if (dyno.stopping) return dyno.gone.resolve(0);
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: process.env["HOME"] ?? "/",
    ...Object.fromEntries(order.release.env),
    ...Object.fromEntries(order.env ?? []),
    DYNO: dyno.name,
    ...(port === undefined ? {} : { PORT: String(port) }),
  };
  const output = openOutput(order, settings);
  // Standard input is a pipe that nobody writes to: it ends when we die, and the shop's dynos then end too.
  const child = spawn("/bin/sh", ["-c", simple.test(dyno.command) ? `exec ${dyno.command}` : dyno.command], {
    env,
    detached: true,
    stdio: ["pipe", output ?? "ignore", output ?? "ignore"],
  });
  if (output !== undefined) closeSync(output);
  child.on("error", (cause) => {
    log.error({ dyno: dyno.name, cause: cause.message }, "dyno did not start");
    dyno.gone.resolve(127);
  });
  child.stdin?.on("error", () => undefined);
  child.once("exit", (code) => void groupGone(dyno, child.pid).then(() => dyno.gone.resolve(code ?? 137)));
  dyno.child = child;
  dyno.port = port;
  if (dyno.stopping) kill(dyno, "SIGTERM");
  if (port === undefined || (await listens(dyno, port, settings.bootMs ?? 60_000))) become(dyno, "up");
  else kill(dyno, "SIGKILL");
}

function openOutput(order: DynoOrder, settings: DynoSettings): number | undefined {
  if (settings.logDirectory === undefined) return undefined;
  return openSync(join(settings.logDirectory, `${order.app.name}.${order.name}.log`), "a");
}

export function become(dyno: Dyno, state: Dyno["state"]): void {
  dyno.state = state;
  dyno.updatedAt = new Date();
}

/** SIGTERM to all its processes, SIGKILL after the grace. Returns when it is gone. */
export async function stopDyno(dyno: Dyno, settings: DynoSettings): Promise<void> {
  if (!dyno.stopping) {
    dyno.stopping = true;
    kill(dyno, "SIGTERM");
    const timer = setTimeout(() => kill(dyno, "SIGKILL"), settings.graceMs ?? 30_000);
    void dyno.gone.promise.then(() => clearTimeout(timer));
  }
  await dyno.gone.promise;
}

/** To the whole process group, as Heroku does; a group that is gone already is no error. */
function kill(dyno: Dyno, signal: "SIGTERM" | "SIGKILL"): void {
  const pid = dyno.child?.pid;
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended a moment ago; `exit` tells.
  }
}

/**
 * A shell may end before the processes that it started. Waits for these up to two seconds: longer would wait for ever where
 * nobody reaps orphans, as in some containers.
 */
async function groupGone(dyno: Dyno, pid: number | undefined): Promise<void> {
  if (pid === undefined || simple.test(dyno.command)) return;
  for (const end = Date.now() + 2_000; Date.now() < end;) {
    try {
      process.kill(-pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port that was free a moment ago; a dyno that finds it taken crashes and is started again on another. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listens(dyno: Dyno, port: number, deadlineMs: number): Promise<boolean> {
  const end = Date.now() + deadlineMs;
  while (Date.now() < end && dyno.child?.exitCode === null && dyno.child.signalCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return true;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  return false;
}
