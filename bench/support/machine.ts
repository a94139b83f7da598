import { readFileSync } from "node:fs";

/** What all processors did between two moments, in seconds of processor time. */
export interface MachineTimes {
  /** Anything but waiting. */
  readonly busySeconds: number;
  /** The host gave the processor to another machine although this one had work: a run with much of it says little. */
  readonly stolenSeconds: number;
}

const ticksPerSecond = 100;

/** Starts to watch; the answer tells what has passed since. First line of `/proc/stat` (proc(5)). */
export function watchMachine(): () => MachineTimes {
  const before = times();
  return () => {
    const now = times();
    return {
      busySeconds: now.busySeconds - before.busySeconds,
      stolenSeconds: now.stolenSeconds - before.stolenSeconds,
    };
  };
}

function times(): MachineTimes {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in user already
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, steal = 0] = line
    .trim()
    .split(/ +/)
    .slice(1)
    .map(Number);
  return {
    busySeconds: (user + nice + system + irq + soft) / ticksPerSecond,
    stolenSeconds: steal / ticksPerSecond,
  };
}
