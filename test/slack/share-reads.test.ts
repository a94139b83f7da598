import { expect, it } from "vitest";
import { shareBatches, shareReads } from "../../src/slack/share-reads.ts";

it("a hundred questions at once are two reads, and nobody gets an answer that was read before they asked", async () => {
  let reads = 0;
  const finish: (() => void)[] = [];
  const shared = shareReads(async () => {
    const mine = (reads += 1);
    await new Promise<void>((resolve) => finish.push(resolve));
    return mine;
  });
  const first = shared();
  const rest = Array.from({ length: 100 }, () => shared());
  expect(reads).toBe(1);
  finish[0]?.();
  expect(await first).toBe(1);
  await expect.poll(() => finish.length).toBe(2);
  finish[1]?.();
  expect(new Set(await Promise.all(rest))).toEqual(new Set([2]));
  const later = shared();
  finish[2]?.();
  expect(await later).toBe(3);
});

it("a read that fails is everybody's failure who waited for it, and nobody's after", async () => {
  let fails = true;
  const shared = shareReads(() => (fails ? Promise.reject(new Error("away")) : Promise.resolve("here")));
  await expect(Promise.all([shared(), shared()])).rejects.toThrow("away");
  fails = false;
  await expect.poll(() => shared().catch(() => "away")).toBe("here");
});

it("questions that come sooner than so often after the last read are put to the next one together", async () => {
  const reads: { readonly asked: readonly number[]; readonly at: number }[] = [];
  const everyMs = 60;
  const ask = shareBatches<number, string>(async (asked) => {
    reads.push({ asked, at: performance.now() });
    return asked.join(" ");
  }, everyMs);
  // not when the first read was noted: a busy machine may have paused between its beginning and that
  const begun = performance.now();
  expect(await ask(1)).toBe("1");
  expect(await Promise.all([ask(2), ask(3), ask(4)])).toEqual(Array(3).fill("2 3 4"));
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => ask(n)));
  expect(new Set(answers).size).toBe(1);
  expect(reads.map(({ asked }) => asked.length)).toEqual([1, 3, 100]);
  for (const [n, { at }] of reads.entries()) expect(at).toBeGreaterThanOrEqual(begun + n * everyMs - 2);
});
