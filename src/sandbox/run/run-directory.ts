import { chmodSync, mkdirSync, mkdtempSync } from "node:fs";
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
