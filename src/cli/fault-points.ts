import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { systemClock } from "../clock.ts";
import type { Log } from "../log.ts";

/** How often a held run looks whether it may go on, in milliseconds. */
const holdLookMs = 50;

/**
 * Named places at which a run can be made to die, once, or to wait: `DRAWBRIDGE_FAULT=ran:fence-source` kills this process
 * there with SIGKILL, its mark in the file `DRAWBRIDGE_FAULT_MARK`; and while the file `DRAWBRIDGE_FAULT_HOLD` contains a
 * line with a place's name, a run waits there. So crash recovery and falling back can be shown and tested at every step.
 * Only the sandbox and tests set these; without them nothing happens.
 */
export function faultPoints(log: Log): (name: string) => Promise<void> {
  const wanted = process.env["DRAWBRIDGE_FAULT"];
  const mark = process.env["DRAWBRIDGE_FAULT_MARK"];
  const holdFile = process.env["DRAWBRIDGE_FAULT_HOLD"];
  return async (name) => {
    if (holdFile !== undefined) await holdWhileNamed(holdFile, name, log);
    if (name !== wanted || mark === undefined || existsSync(mark)) return;
    writeFileSync(mark, `${name}\n`);
    log.warn({ fault: name }, "injected fault: this process ends here");
    process.kill(process.pid, "SIGKILL");
  };
}

/** Waits until the file does not name the place any more, or the process is told to stop. */
async function holdWhileNamed(file: string, name: string, log: Log): Promise<void> {
  if (!names(file, name)) return;
  log.warn({ fault: name }, "injected fault: the run waits here");
  const stop = new AbortController();
  const onStop = (): void => stop.abort();
  process.once("SIGTERM", onStop).once("SIGINT", onStop);
  try {
    while (!stop.signal.aborted && names(file, name)) {
      await systemClock.sleep(holdLookMs, stop.signal).catch(() => undefined);
    }
  } finally {
    process.off("SIGTERM", onStop).off("SIGINT", onStop);
  }
}

function names(file: string, name: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8").split("\n").includes(name);
}
