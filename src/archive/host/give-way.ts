import { readFile, writeFile } from "node:fs/promises";
import { systemClock } from "../../clock.ts";
import { retrying } from "./retrying.ts";

/** As `nice`: a tenth of the weight of a session that nobody has made nice. */
const niceness = 10;

/**
 * Lets every other session on this machine have the processors first, the one in which PostgreSQL runs above all. Linux shares processors
 * among sessions before it looks at niceness, which counts within one session only (`sched(7)`, "The autogroup feature"). Does nothing
 * for a process that shares its session with others, such as somebody's shell, nor where the system has no such groups.
 */
export async function giveWay(): Promise<void> {
  if (!(await leadsSession())) return;
  const write = (): Promise<void> => writeFile("/proc/self/autogroup", String(niceness));
  // EAGAIN: for who is not root, one such change in a tenth of a second on the whole machine
  const pauseMs = (fault: unknown, failures: number): number | undefined =>
    failures < 10 && fault instanceof Error && "code" in fault && fault.code === "EAGAIN" ? 130 : undefined;
  await retrying(write, { pauseMs, clock: systemClock }).catch(() => undefined);
}

/** Whether this process has begun its session, as a service and whatever is started detached. `proc_pid_stat(5)`: field 6. */
async function leadsSession(): Promise<boolean> {
  const stat = await readFile("/proc/self/stat", "utf8").catch(() => "");
  // the name in field 2 may hold anything, parentheses too
  const [, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(session) === process.pid;
}
