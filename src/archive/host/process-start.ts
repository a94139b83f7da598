import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** When a process began, as the system tells it; `undefined` when it is not there. */
export async function processStart(pid: number): Promise<string | undefined> {
  if (!existsSync("/proc/self/stat")) return isAlive(pid) ? "" : undefined;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // proc(5): fields 3 and 22; the name in field 2 is in parentheses and may hold anything
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  // one that has died and that nobody has waited for yet
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

/** Whether a process is there, whoever it belongs to. */
export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (existsSync("/proc/self")) return existsSync(`/proc/${pid}`);
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
