import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { giveWay } from "../../src/archive/host/give-way.ts";
import { serveRestores } from "../../src/archive/wal/serve-restores.ts";
import { prepareSpool } from "../../src/archive/wal/spool.ts";
import { writeWalScripts } from "../../src/archive/wal/wal-scripts.ts";
import { WalSource } from "../../src/archive/wal/wal-source.ts";
import { openS3Store } from "../../src/aws/s3-store.ts";
import { silentLog } from "../../src/log.ts";
import { bucket } from "./s3-server.ts";

/**
 * Carries the WAL of the archive `prefix` through a spool below `dir` until it is told to end. Prints the restore_command; reads the segment to begin
 * with, if there is one, in a line of standard input.
 */
export async function carryWal(endpoint: string, prefix: string, dir: string, walDir?: string): Promise<void> {
  void giveWay();
  const store = openS3Store({ bucket, prefix, endpoint, region: "us-east-1", log: silentLog });
  const spool = { dir: join(dir, "spool") };
  mkdirSync(spool.dir, { recursive: true });
  await prepareSpool(spool);
  const { restoreCommand } = await writeWalScripts(dir, spool);
  const stop = new AbortController();
  process.on("SIGTERM", () => stop.abort());
  const onFault = (name: string, fault: unknown): void => console.error(name, fault);
  await using source = new WalSource({ store });
  const service = await serveRestores({
    spool,
    source,
    mode: "standby",
    walDir,
    onFault,
    log: silentLog,
    signal: stop.signal,
  });
  console.log(restoreCommand);
  const input = createInterface(process.stdin).on("line", (segment) => service.startAt(segment));
  await service.ended;
  input.close();
  store.close();
}
