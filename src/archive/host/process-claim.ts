import { randomUUID } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { processStart } from "./process-start.ts";

/** A file that says that this process is at work somewhere; it goes when this is disposed of. */
export interface ProcessClaim extends AsyncDisposable {
  readonly path: string;
}

/**
 * Claims `path` for this process, unless a process of this machine that is alive has done so: then its number. What dead ones have left is
 * removed. Never two at once: each puts its own file there, named by process and start, before it looks for others. Two that ask at
 * the same moment may both be told of each other.
 */
export async function claimFor(path: string): Promise<ProcessClaim | number> {
  const mine = `${path}.${process.pid}-${(await processStart(process.pid)) ?? ""}-${randomUUID()}`;
  await using undo = new AsyncDisposableStack();
  const claim = undo.use({ path: mine, [Symbol.asyncDispose]: () => rm(mine, { force: true }) });
  await writeFile(mine, "");
  const holder = await otherHolder(path, mine);
  if (holder !== undefined) return holder;
  undo.move();
  return claim;
}

async function otherHolder(path: string, mine: string): Promise<number | undefined> {
  const [dir, prefix] = [dirname(path), `${basename(path)}.`];
  for (const name of await readdir(dir)) {
    if (!name.startsWith(prefix) || name === basename(mine)) continue;
    const [, pid, start] = /^(\d+)-(\d*)-/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined) continue;
    // the number alone may belong to another process by now
    if ((await processStart(Number(pid))) === start) return Number(pid);
    await rm(join(dir, name), { force: true });
  }
  return undefined;
}
