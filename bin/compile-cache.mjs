// JavaScript, like bin/main.mjs: Node loads its TypeScript reader (17 MiB, 40 ms) for the first TypeScript that it does not find compiled.
import { mkdirSync, statSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Keeps compiled code between runs: half of a command's start is reading TypeScript and the AWS SDK. Only in a directory that
 * nobody else can write to, as what lies there is executed; without one every start compiles anew. `NODE_COMPILE_CACHE` and
 * `NODE_DISABLE_COMPILE_CACHE` mean what they mean to Node.
 */
export function keepCompiledCode() {
  const { env } = process;
  if (env.NODE_COMPILE_CACHE !== undefined || env.NODE_DISABLE_COMPILE_CACHE !== undefined) return;
  const home = cacheHome(env.XDG_CACHE_HOME);
  const dir = join(home, "drawbridge", "compiled");
  // each of them: who may write to one could put another in the place of the next
  if (![home, join(home, "drawbridge"), dir].every(makeOwn)) return;
  enableCompileCache(dir);
  // worker threads look only here; so do the processes that we start
  env.NODE_COMPILE_CACHE = dir;
}

/** @param {string | undefined} told `XDG_CACHE_HOME` */
function cacheHome(told) {
  return told !== undefined && isAbsolute(told) ? told : join(homedir(), ".cache");
}

/**
 * Whether the directory is there and ours alone.
 * @param {string} dir
 */
function makeOwn(dir) {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(dir);
    return uid === process.geteuid?.() && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}
