import { expect, test } from "vitest";
import { retrying } from "../../../src/archive/host/retrying.ts";
import type { Clock } from "../../../src/clock.ts";

/** A clock that notes how long it was asked to sleep, and does not. */
function quickClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  const sleep = async (ms: number): Promise<void> => void slept.push(ms);
  return { slept, now: () => new Date(0), sleep };
}

/** Work that fails so often before it succeeds. */
function failing(times: number): () => Promise<string> {
  let left = times;
  return async () => {
    left -= 1;
    if (left >= 0) throw new Error(`failure ${times - left}`);
    return "done";
  };
}

test("work that failed is done again after its pause, until it succeeds", async () => {
  const clock = quickClock();
  expect(await retrying(failing(3), { clock, pauseMs: (_, failures) => 10 * failures })).toBe("done");
  expect(clock.slept).toEqual([10, 20, 30]);
});

test("the last failure is told when there is no further pause", async () => {
  const clock = quickClock();
  const pauseMs = (_: unknown, failures: number): number | undefined => (failures < 2 ? 1 : undefined);
  await expect(retrying(failing(5), { clock, pauseMs })).rejects.toThrow("failure 2");
  expect(clock.slept).toEqual([1]);
});

test("once it is stopped nothing is tried again, and the reason is told", async () => {
  const clock = quickClock();
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  const trying = retrying(failing(1), { clock, pauseMs: () => 1, signal: stop.signal });
  await expect(trying).rejects.toThrow("enough");
  expect(clock.slept).toEqual([]);
});
