import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { isNotThere } from "./if-there.ts";

/** A file that says which process is at work somewhere, on this machine. */
export interface ProcessClaim extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes the file `path`, unless a process that is alive holds it: then its number. What a dead one has left is taken over. Of several that ask at
 * once one gets it.
 */
export async function claimFor(path: string): Promise<ProcessClaim | number> {
  const mine = `${path}.${randomUUID()}`;
  await writeFile(mine, `${process.pid} ${(await processStart(process.pid)) ?? ""} ${mine}\n`);
  try {
    for (;;) {
      // a name that is there already is not replaced: whoever is first has it
      const isMine = await link(mine, path).then(
        () => true,
        (cause: unknown) => {
          if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
          throw cause;
        },
      );
      if (isMine) return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
      const holder = await holderOf(path);
      if (holder !== undefined) return holder;
      await removeDead(path);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Takes the file of a dead process away. One that a living process has put there meanwhile is put back. */
async function removeDead(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (cause) {
    if (isNotThere(cause)) return;
    throw cause;
  }
  if ((await holderOf(aside)) !== undefined) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** The living process that a claim names. */
async function holderOf(path: string): Promise<number | undefined> {
  const [pid = "", start = ""] = (await readFile(path, "utf8").catch(() => "")).split(" ");
  const now = await processStart(Number(pid));
  // the number alone may belong to another process by now
  return now !== undefined && now === start ? Number(pid) : undefined;
}

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
