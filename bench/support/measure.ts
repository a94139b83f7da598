import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { type Timed, watchSteal } from "./machine.ts";
import { type Command, settle, spawnOptions } from "./system.ts";

/** What one run of a program took. */
export interface Measured extends Timed {
  /** User and system time of the program and of all its children that it waited for. */
  readonly cpuSeconds: number;
  /** Highest sum of the resident set sizes of its whole process tree, looked at every 100 ms. */
  readonly peakMiB: number;
  /** Load of the machine (one minute) when it began. */
  readonly load: number;
}

const sampleMs = 100;
const ticksPerSecond = 100;

/**
 * Runs a program to its end and measures it with all its children; `inputs` are in the page cache by then. Linux only (`/proc`).
 * @throws when it fails, with the end of what it printed.
 */
export async function measure(command: Command, inputs: readonly string[] = []): Promise<Measured> {
  await settle(inputs);
  const load = loadavg()[0] ?? 0;
  const [program = "", ...args] = command.argv;
  const cpuBefore = childrenCpuSeconds();
  const stolen = watchSteal();
  const begun = performance.now();
  const child = spawn(program, args, { ...spawnOptions(command), stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const hear = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-4000));
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  let peakBytes = 0;
  const look = (): void => void (peakBytes = Math.max(peakBytes, treeBytes(child.pid ?? 0)));
  const timer = setInterval(look, sampleMs);
  try {
    const [status, signal] = (await once(child, "exit")) as unknown[];
    const wallSeconds = (performance.now() - begun) / 1000;
    if (status !== 0) throw new Error(`${command.argv.join(" ")} ended with ${String(status ?? signal)}:\n${said}`);
    const cpuSeconds = childrenCpuSeconds() - cpuBefore;
    return { wallSeconds, stolenSeconds: stolen(), cpuSeconds, peakMiB: peakBytes / 2 ** 20, load };
  } finally {
    clearInterval(timer);
  }
}

/** CPU time of the children that we have waited for (and of theirs): cutime and cstime of `/proc/self/stat`. */
function childrenCpuSeconds(): number {
  const fields = statFields("self");
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/**
 * Resident set size in bytes of a process and its descendants; 0 for those that ended meanwhile. Pages that several of them
 * share count for each. Asking for proportional sizes walks through all pages, which at ten times a second slows down what is
 * measured, and the larger the more.
 */
function treeBytes(root: number): number {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(statFields(entry)[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const sum = (pid: number): number =>
    residentBytes(pid) + (children.get(pid) ?? []).reduce((bytes, child) => bytes + sum(child), 0);
  return sum(root);
}

function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readOr(`/proc/${pid}/status`))?.[1];
  return Number(kib ?? 0) * 1024;
}

/** Fields of `/proc/PID/stat` from the state on, which is index 0: the name before it may hold spaces. */
function statFields(pid: string): string[] {
  const text = readOr(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
