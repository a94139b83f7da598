import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { archiveFolder } from "../../support/archives.ts";

const program = resolve(import.meta.dirname, "../../../bin/main.mjs");

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `drawbridge archive …` as a process of its own, with nothing of our environment but PATH and what is given. */
export function startArchive(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const all = { PATH: process.env["PATH"] ?? "", AWS_EC2_METADATA_DISABLED: "true", ...env };
  const child = spawn(process.execPath, [program, "archive", ...args], { env: all, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (said[name] += text));
  }
  const ended = once(child, "close").then(() => ({ status: child.exitCode, ...said }));
  return { child, ended };
}

/** {@link startArchive} to its end. */
export function runArchive(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return startArchive(args, env).ended;
}

/** A folder that PostgreSQL's user may pass, removed at the end. */
export async function makeHome(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "drawbridge-archive-"));
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => removeHome(path) };
}

/** A courier may write into its spool for a moment after its server is gone. */
function removeHome(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** A copy of a real archive in `home`, to be damaged. @returns its folder */
export async function copyArchive(home: string, name: string): Promise<string> {
  const path = join(home, "archive");
  await cp(join(archiveFolder(name), "prefix"), path, { recursive: true });
  return path;
}

/** `--prefix` of a real archive. */
export function prefixOf(name: string): readonly string[] {
  return ["--prefix", `file://${join(archiveFolder(name), "prefix")}`];
}
