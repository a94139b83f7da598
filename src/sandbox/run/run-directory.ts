import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder of one run. PostgreSQL's user must be able to pass it, hence 0711. */
export interface RunDirectory {
  readonly path: string;
  readonly logs: string;
}

/** Makes a new run directory under the system's temporary one. */
export function makeRunDirectory(): RunDirectory {
  const path = mkdtempSync(join(tmpdir(), "drawbridge-sandbox-"));
  chmodSync(path, 0o711);
  const logs = join(path, "logs");
  mkdirSync(logs);
  return { path, logs };
}

/** Names the points at which the run waits, for stories of faults; `DRAWBRIDGE_FAULT_HOLD` of the worker. */
export function holdFile(directory: RunDirectory): string {
  return join(directory.path, "fault-hold");
}

/** Leaves the logs and what is small, and takes away what the servers kept: their data may be gigabytes. */
export function keepLogs({ path, logs }: RunDirectory): void {
  const folders = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders.filter((folder) => folder.name !== "logs")) {
    const servers = readdirSync(join(path, name), { recursive: true, encoding: "utf8" });
    for (const file of servers.filter((each) => each.endsWith("server.log"))) {
      copyFileSync(join(path, name, file), join(logs, `${name}-${file.replaceAll("/", "-")}`));
    }
    rmSync(join(path, name), { recursive: true, force: true });
  }
}
