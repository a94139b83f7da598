import { existsSync, writeFileSync } from "node:fs";
import type { Log } from "../log.ts";

/**
 * Named places at which a run can be made to die, once: `DRAWBRIDGE_FAULT=after-fence` kills this process there with
 * SIGKILL, so that crash recovery can be shown and tested. The mark lies in the file `DRAWBRIDGE_FAULT_MARK`, which
 * only the sandbox sets; without it nothing happens.
 */
export function faultPoints(log: Log): (name: string) => Promise<void> {
  const wanted = process.env["DRAWBRIDGE_FAULT"];
  const mark = process.env["DRAWBRIDGE_FAULT_MARK"];
  return async (name) => {
    if (name !== wanted || mark === undefined || existsSync(mark)) return;
    writeFileSync(mark, `${name}\n`);
    log.warn({ fault: name }, "injected fault: this process ends here");
    process.kill(process.pid, "SIGKILL");
  };
}
