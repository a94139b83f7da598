import { readFileSync } from "node:fs";

const ticksPerSecond = 100;

/**
 * Starts to watch; the answer tells for how many seconds of processor time since then the host gave our processors to another machine
 * although they had work. A run with much of it says little. First line of `/proc/stat` (proc(5)).
 */
export function watchSteal(): () => number {
  const before = stolenTicks();
  return () => (stolenTicks() - before) / ticksPerSecond;
}

function stolenTicks(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  // cpu, user, nice, system, idle, iowait, irq, softirq, steal
  return Number(line.trim().split(/ +/)[8] ?? 0);
}
