import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { claimFor, processStart } from "../../../src/archive/host/process-claim.ts";

async function inTemp(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "drawbridge-claim-"));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

test("of several that ask at once one gets it, the others are told who, and nothing is left behind", async () => {
  await inTemp(async (dir) => {
    const path = join(dir, "claim");
    const asked = await Promise.all(Array.from({ length: 8 }, () => claimFor(path)));
    const got = asked.filter((one) => typeof one !== "number");
    expect(got).toHaveLength(1);
    expect(new Set(asked.filter((one) => typeof one === "number"))).toEqual(new Set([process.pid]));
    await got[0]?.[Symbol.asyncDispose]();
    expect(await readdir(dir)).toEqual([]);
  });
});

test("what a living process holds is not taken, what a dead one has left is", async () => {
  await inTemp(async (dir) => {
    const path = join(dir, "claim");
    const other = spawn("sleep", ["60"]);
    await once(other, "spawn");
    const pid = other.pid ?? 0;
    await writeFile(path, `${pid} ${await processStart(pid)} x\n`);
    expect(await claimFor(path)).toBe(pid);
    other.kill("SIGKILL");
    await once(other, "exit");
    await using claim = await claimOf(path);
    expect(await readFile(claim.path, "utf8")).toMatch(`${process.pid} `);
  });
});

test("a process that has got the number of a dead one holds nothing", async () => {
  await inTemp(async (dir) => {
    const path = join(dir, "claim");
    await writeFile(path, `${process.pid} 1 x\n`);
    await using claim = await claimOf(path);
    expect(claim.path).toBe(path);
  });
});

async function claimOf(path: string): Promise<Exclude<Awaited<ReturnType<typeof claimFor>>, number>> {
  const claim = await claimFor(path);
  if (typeof claim === "number") throw new Error(`process ${claim} holds it`);
  return claim;
}
