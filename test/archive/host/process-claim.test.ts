import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { claimFor } from "../../../src/archive/host/process-claim.ts";
import { processStart } from "../../../src/archive/host/process-start.ts";
import { waitFor } from "../../../src/clock.ts";

async function inTemp(work: (dir: string, path: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "drawbridge-claim-"));
  try {
    await work(dir, join(dir, "claim"));
  } finally {
    await rm(dir, { recursive: true });
  }
}

test("whoever claims first keeps others out, who are told of it, until it is disposed of", async () => {
  await inTemp(async (dir, path) => {
    {
      await using claim = await claimOf(path);
      expect(existsSync(claim.path)).toBe(true);
      expect(await claimFor(path)).toBe(process.pid);
      await (await claimOf(`${path}ant`))[Symbol.asyncDispose]();
    }
    expect(await readdir(dir)).toEqual([]);
    await using _again = await claimOf(path);
  });
});

test("of several that ask at once never two get it, also where a dead one has left its claim", async () => {
  await inTemp(async (dir, path) => {
    for (let round = 0; round < 20; round += 1) {
      await writeFile(`${path}.${process.pid}-1-dead`, "");
      const asked = await Promise.all(Array.from({ length: 4 }, () => claimFor(path)));
      const got = asked.filter((one) => typeof one !== "number");
      expect(got.length).toBeLessThanOrEqual(1);
      await got[0]?.[Symbol.asyncDispose]();
      expect(await readdir(dir)).toEqual([]);
    }
  });
});

test("what a living process holds is not taken, what a dead one has left is", async () => {
  await inTemp(async (dir, path) => {
    const other = spawn("sleep", ["60"]);
    await once(other, "spawn");
    const pid = other.pid ?? 0;
    await writeFile(`${path}.${pid}-${await processStart(pid)}-x`, "");
    expect(await claimFor(path)).toBe(pid);
    other.kill("SIGKILL");
    await once(other, "exit");
    await using _claim = await claimOf(path);
    expect(await readdir(dir)).toHaveLength(1);
  });
});

test("a process that has got the number of a dead one holds nothing", async () => {
  await inTemp(async (_dir, path) => {
    await writeFile(`${path}.${process.pid}-1-x`, "");
    await using claim = await claimOf(path);
    expect(existsSync(claim.path)).toBe(true);
  });
});

test.skipIf(!existsSync("/proc/self/stat"))("a process that is dead and not waited for is not there", async () => {
  // the shell becomes a program that waits for nobody
  const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"]);
  try {
    const said: unknown[] = await once(createInterface(parent.stdout), "line");
    const child = Number(said[0]);
    const isProgram = async (): Promise<boolean> => (await readFile(`/proc/${parent.pid}/comm`, "utf8")) === "sleep\n";
    await waitFor(isProgram, { deadlineMs: 10_000, everyMs: 5, what: "the program" });
    process.kill(child, "SIGKILL");
    const gone = async (): Promise<boolean> => (await processStart(child)) === undefined;
    await waitFor(gone, { deadlineMs: 10_000, everyMs: 5, what: "the child's end" });
    expect(existsSync(`/proc/${child}`)).toBe(true);
  } finally {
    parent.kill("SIGKILL");
  }
});

async function claimOf(path: string): Promise<Exclude<Awaited<ReturnType<typeof claimFor>>, number>> {
  const claim = await claimFor(path);
  if (typeof claim === "number") throw new Error(`process ${claim} holds it`);
  return claim;
}
