import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../bin/main.mjs", import.meta.url));

/** A process that is started again when it dies, as a service manager would. */
export interface RoleProcess {
  readonly role: string;
  pid(): number | undefined;
  /** Settles when the process that runs now has ended. */
  readonly exited: () => Promise<void>;
  stop(): Promise<void>;
}

/** What to run. */
export interface RoleSpec {
  readonly role: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logs: string;
  readonly onChange?: () => void;
  /** False for processes that somebody else starts again. */
  readonly restart?: boolean;
}

const restartPauseMs = 300;

/** What every child needs of our environment; secrets come from its spec alone. */
export function plainEnv(): Record<string, string> {
  const names = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "TZ",
    "DRAWBRIDGE_PG_BINDIR",
    "DRAWBRIDGE_PG_CLIENT_BINDIR",
    "DRAWBRIDGE_FAULT_HOLD",
  ];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Starts one role of Drawbridge, its output into `logs/<role>.log`. */
export function startRole(spec: RoleSpec): RoleProcess {
  let child: ChildProcess | undefined;
  let ended = Promise.resolve();
  let stopping = false;
  const start = (): void => {
    const log = openSync(join(spec.logs, `${spec.role}.log`), "a");
    const now = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...spec.args], {
      env: { ...plainEnv(), ...spec.env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child = now;
    ended = new Promise((resolve) => {
      now.once("exit", () => resolve());
      now.once("error", () => resolve());
    });
    spec.onChange?.();
    void ended.then(async () => {
      child = undefined;
      if (spec.restart === false || stopping) return;
      await delay(restartPauseMs);
      if (!stopping) start();
    });
  };
  start();
  return {
    role: spec.role,
    pid: () => child?.pid,
    exited: () => ended,
    stop: async () => {
      stopping = true;
      const last = child;
      last?.kill("SIGTERM");
      const killer = setTimeout(() => last?.kill("SIGKILL"), 12_000);
      await ended;
      clearTimeout(killer);
      spec.onChange?.();
    },
  };
}

/** Runs one subcommand to its end. @returns exit status and what it printed. */
export async function runOnce(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    env: { ...plainEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  return { status, stdout, stderr };
}
