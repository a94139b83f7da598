import { execFile } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const root = resolve(import.meta.dirname, "../..");
export const dockerfile = readFileSync(join(root, "docker/Dockerfile"), "utf8");
const lines = dockerfile.replaceAll("\\\n", " ").split("\n");

/** What follows an instruction, for each time that it stands in the Dockerfile. */
export const instructions = (word: string): string[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());

/** What the image copies out of the build's context. */
export const copied = new Set(
  instructions("COPY").flatMap((line) => (line.startsWith("--from") ? [] : line.split(/\s+/).slice(0, -1))),
);

/** The words of an instruction in its JSON form. */
export const words = (line = ""): string[] => [...line.matchAll(/"([^"]*)"/g)].map(([, word = ""]) => word);

/** The image has Node 24 on PATH and no node_modules/node. */
export const imagePath = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;

/** Copies into `app` what the image gets. */
export function copyFiles(app: string): void {
  for (const name of copied) cpSync(join(root, name), join(app, name), { recursive: true });
}

/** Starts the image's entry point, less tini, with `app` in the place of /app. */
export async function start(app: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const script = words(instructions("ENTRYPOINT")[0]).at(-1)?.replace("/app/", `${app}/`) ?? "";
  const env = { PATH: imagePath, HOME: tmpdir(), NODE_ENV: "production" };
  return run(process.execPath, [script, ...args], { cwd: app, env, timeout: 60_000 });
}
