import { readFileSync } from "node:fs";
import { say } from "./system.ts";

const ticksPerSecond = 100;

/**
 * Starts to watch; the answer tells for how many seconds of processor time since then the host gave our processors to another machine
 * although they had work. A run with much of it says little. First line of `/proc/stat` (proc(5)).
 */
export function watchSteal(): () => number {
  const before = stolenTicks();
  return () => (stolenTicks() - before) / ticksPerSecond;
}

/** What was measured, and what the host took meanwhile, both in seconds. */
export interface Timed {
  readonly wallSeconds: number;
  readonly stolenSeconds: number;
}

/** Of its wall time, what a run may lose to the host without being run again. */
const bearableShare = 0.03;
const mostTimes = 3;

/**
 * Measures again, up to three times in all, when the host took more than 3 % of the wall time. The one that lost least of its time counts. The same
 * for ours and for peers: who is compared is not asked.
 */
export async function undisturbed<T extends Timed>(what: string, measure: () => Promise<T>): Promise<T> {
  const share = ({ stolenSeconds, wallSeconds }: Timed): number => stolenSeconds / wallSeconds;
  let best = await measure();
  for (let times = 1; times < mostTimes && share(best) > bearableShare; times += 1) {
    say(`${what}: ${best.wallSeconds.toFixed(2)} s, of which the host took ${best.stolenSeconds.toFixed(1)} s; again`);
    const next = await measure();
    if (share(next) < share(best)) best = next;
  }
  return best;
}

function stolenTicks(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  // cpu, user, nice, system, idle, iowait, irq, softirq, steal
  return Number(line.trim().split(/ +/)[8] ?? 0);
}
