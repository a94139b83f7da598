import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** In memory where the system has such a place: a restore syncs its file system, and others write to the disk's meanwhile. */
const place = existsSync("/dev/shm") ? "/dev/shm" : "/tmp";

/** Runs `work` with a directory that is gone afterwards. */
export async function inMemoryDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(place, "drawbridge-restore-"));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What two directories of a restore hold: kind, mode, size and digest of each entry, by name. */
export async function treeOf(home: string): Promise<string[]> {
  const command =
    "find pgdata ts -mindepth 1 -printf '%y %m %p\\n' | sort; find pgdata ts -type f -exec md5sum {} + | sort -k 2";
  const { stdout } = await promisify(execFile)("sh", ["-c", command], { cwd: home, maxBuffer: 2 ** 26 });
  // tablespace_map holds the home's own path
  return stdout.split("\n").filter((line) => !line.endsWith("/tablespace_map"));
}
