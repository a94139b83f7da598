import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { S3Server } from "./s3-server.ts";
import { storeOf } from "./write-backups.ts";

const run = promisify(execFile);

/** Stores segments as wal-e does: what `lzop -c` makes of each. */
export async function writeWalLzo(
  server: S3Server,
  archive: string,
  walDir: string,
  names: readonly string[],
): Promise<void> {
  await writeWal(server, archive, names, "lzo", (name) => ["lzop", "-c", join(walDir, name)]);
}

/** Stores segments as wal-g does by default: LZ4 frames with a content checksum. */
export async function writeWalLz4(
  server: S3Server,
  archive: string,
  walDir: string,
  names: readonly string[],
): Promise<void> {
  await writeWal(server, archive, names, "lz4", (name) => ["lz4", "-q", "-c", join(walDir, name)]);
}

async function writeWal(
  server: S3Server,
  archive: string,
  names: readonly string[],
  extension: string,
  packing: (name: string) => readonly string[],
): Promise<void> {
  const store = storeOf(server, archive);
  const left = names.toReversed();
  const lane = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const [program = "", ...args] = packing(name);
      const { stdout } = await run(program, args, { encoding: "buffer", maxBuffer: 64 * 1024 * 1024 });
      await store.put(`wal_005/${name}.${extension}`, stdout);
    }
  };
  try {
    await Promise.all([lane(), lane()]);
  } finally {
    store.close();
  }
}
