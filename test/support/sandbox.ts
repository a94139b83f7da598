import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const program = fileURLToPath(new URL("../../bin/main.mjs", import.meta.url));

const infoSchema = z.object({
  slack: z.object({ url: z.string(), control: z.string() }),
  bot: z.object({ url: z.string() }),
  heroku: z.object({ url: z.string() }),
  aws: z.object({ url: z.string() }),
  s3: z.object({ url: z.string() }),
  redis: z.object({ url: z.string() }),
  journal: z.object({ url: z.string() }),
  source: z.object({ url: z.string() }),
  processes: z.array(z.object({ role: z.string(), pid: z.number() })),
});

/** What `--info` says. */
export type SandboxInfo = z.infer<typeof infoSchema>;

/** A sandbox that runs as a process of its own, as a person would start it. */
export interface RunningSandbox extends AsyncDisposable {
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  /** What `--info` says now; undefined before the file is there. */
  info(): SandboxInfo | undefined;
  /** The same, waited for. */
  ready(): Promise<SandboxInfo>;
  /** Settles with the exit status, 128 + number when a signal ended it. */
  readonly ended: Promise<number>;
  /** What `--report` wrote; read after the end. */
  report(): unknown;
  /** The folder of this run, as it was printed. */
  directory(): string | undefined;
  signal(name: "SIGINT" | "SIGTERM"): void;
}

/**
 * Starts `drawbridge sandbox` with the arguments; disposing stops it with SIGINT, and the impatient way after 20 s.
 * The logs of a run that ended badly stay where its output says, unless it was meant to end so.
 */
export function startSandbox(args: readonly string[] = [], meantToFail = false): RunningSandbox {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-e2e-"));
  const [info, report] = [join(folder, "info.json"), join(folder, "report.json")];
  const child = spawn(process.execPath, [program, "sandbox", "--info", info, "--report", report, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 130)));
  });
  const readInfo = (): SandboxInfo | undefined => {
    const text = readIfThere(info);
    return text === undefined ? undefined : infoSchema.parse(JSON.parse(text));
  };
  const sandbox = {
    pid: child.pid ?? 0,
    output: () => output,
    info: readInfo,
    ready: () => poll("the sandbox's --info file", 60_000, () => readInfo()),
    ended,
    report: (): unknown => JSON.parse(readFileSync(report, "utf8")),
    directory: () => /\/\S*drawbridge-sandbox-\w+/.exec(output)?.[0],
    signal: (name: "SIGINT" | "SIGTERM") => void child.kill(name),
  };
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGINT");
      const killer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(killer);
    }
    const left = sandbox.directory();
    const wellEnded = [0, 130].includes(await ended) || meantToFail;
    if (left !== undefined && wellEnded) rmSync(left, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...sandbox, [Symbol.asyncDispose]: dispose };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Looks until there is something. @throws Error that names what was waited for. */
export async function poll<T>(
  what: string,
  deadlineMs: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`);
    await delay(50);
  }
}

/** Processes of this machine whose command line or working directory lies in the folder, as `pid command`. */
export function processesOf(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const at = `${command} ${readlinkSync(`/proc/${pid}/cwd`)}`;
        return at.includes(folder) && Number(pid) !== process.pid ? [`${pid} ${command}`] : [];
      } catch {
        // it has ended meanwhile, or is a kernel's own
        return [];
      }
    });
}

/** Whether a process lives; one that nobody has waited for yet does not. */
export function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
