import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDecodePool } from "../../../src/archive/wal/decode-pool.ts";

const mortal = new URL("mortal-worker-main.ts", import.meta.url);
const job = (key: string) => ({ key, name: "x", source: "/nowhere", expected: {} });

test("no job waits for a thread that has ended: it is told, and a new one does the next", async () => {
  await using pool = openDecodePool(1, mortal);
  let told = 0;
  for (const key of ["one", "two", "three", "four"]) {
    // the thread ends at any moment after its answer: before the next job, or under it
    const again = (fault: unknown): ReturnType<typeof pool.run> => {
      expect(fault).toMatchObject({ code: "DB_UNEXPECTED", message: `the thread that decoded ${key} ended` });
      told += 1;
      return pool.run(job(key));
    };
    expect(await pool.run(job(key)).catch(again)).toMatchObject({ history: key });
  }
  expect(told).toBeLessThanOrEqual(3);
});

test("a thread that ends under a job takes none of those with it that wait", async () => {
  await using pool = openDecodePool(1, mortal);
  const all = ["never", "one", "never"].map((key) => pool.run(job(key)));
  expect(await Promise.allSettled(all)).toMatchObject([
    { reason: { code: "DB_UNEXPECTED", message: "the thread that decoded never ended" } },
    { value: { history: "one" } },
    { reason: { code: "DB_UNEXPECTED" } },
  ]);
});

test.skipIf(!existsSync("/proc/self/task")).each([
  { begun: 0, first: 0, nicest: 10 },
  { begun: 15, first: 15, nicest: 15 },
])("started at niceness $begun, threads that decode are at $nicest and the first one at $first", (expected) => {
  const program = join(import.meta.dirname, "niceness-main.ts");
  const said = execFileSync("nice", ["-n", String(expected.begun), process.execPath, program], { encoding: "utf8" });
  expect(JSON.parse(said)).toEqual([expected.first, expected.nicest]);
});
