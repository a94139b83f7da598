import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bucket, type S3Server } from "./s3-server.ts";
import type { Command, Env } from "./system.ts";

const root = join(import.meta.dirname, "../..");
const program = join(root, "bin/main.mjs");

/** Our restore of the archive `name`, as a person would start it: one process, keys in the environment. */
export function ourRestore(server: S3Server, name: string, into: string): Command {
  const prefix = ["--prefix", `s3://${bucket}/${name}`, "--endpoint", server.endpoint, "--region", "us-east-1"];
  if (hasArchiveCommand()) {
    const argv = [...ourNode(), program, "archive", "restore", ...prefix, "--backup", "LATEST", "--into", into];
    return { argv: [...argv, "--json"], env: ourEnv(server) };
  }
  const driver = join(import.meta.dirname, "restore-driver.ts");
  return { argv: [...ourNode(), driver, server.endpoint, name, into], env: ourEnv(server) };
}

/** Our Node; `BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=/tmp/x"` gives it more arguments. */
export function ourNode(): string[] {
  return [process.execPath, ...(process.env["BENCH_NODE_OPTIONS"] ?? "").split(" ").filter((word) => word !== "")];
}

/** Environment of our programs. */
export function ourEnv(server: S3Server): Env {
  return { ...server.env };
}

let known: boolean | undefined;

function hasArchiveCommand(): boolean {
  known ??= spawnSync(process.execPath, [program, "archive", "restore", "--help"], {
    encoding: "utf8",
  }).stdout.includes("--into");
  return known;
}
