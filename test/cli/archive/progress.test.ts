import { describe, expect, test } from "vitest";
import { describeAmount, drawBar, openProgress } from "../../../src/cli/archive/progress.ts";

const mib = 1024 * 1024;

function screen(isTTY: boolean): { isTTY: boolean; columns: number; said: string[]; write(text: string): void } {
  const said: string[] = [];
  return { isTTY, columns: 80, said, write: (text) => void said.push(text) };
}

describe("progress", () => {
  test("away from a terminal: one line every five seconds, with rate and time left", () => {
    const out = screen(false);
    let now = 0;
    using progress = openProgress("restore", out, () => now);
    for (now = 0; now <= 12_000; now += 500) progress.tell({ bytesDone: now * 1024, bytesTotal: 20_000 * 1024 });
    expect(out.said).toEqual([
      "restore: 4.9 MiB of 19.5 MiB (25 %), 1000 KiB/s, 15 s left\n",
      "restore: 9.8 MiB of 19.5 MiB (50 %), 1000 KiB/s, 10 s left\n",
    ]);
  });

  test("on a terminal: one line that is drawn anew and removed at the end", () => {
    const out = screen(true);
    {
      using progress = openProgress("restore", out, () => 0);
      progress.tell({ bytesDone: 0, bytesTotal: mib });
    }
    expect(out.said.at(0)?.startsWith("\r\u001b[Krestore [---")).toBe(true);
    expect(out.said.at(0)).toMatch(/---\] 0 B of 1\.0 MiB/);
    expect(out.said.at(-1)).toBe("\r\u001b[K");
  });

  test("the rate of a restore that goes on is that of this run", () => {
    const out = screen(false);
    let now = 90_000;
    using progress = openProgress("restore", out, () => now);
    progress.tell({ bytesDone: 100 * mib, bytesTotal: 200 * mib });
    now += 10_000;
    progress.tell({ bytesDone: 110 * mib, bytesTotal: 200 * mib });
    expect(out.said).toEqual(["restore: 110 MiB of 200 MiB (55 %), 1.0 MiB/s, 1 min 30 s left\n"]);
  });

  test("a terminal that was never written to is left alone", () => {
    const out = screen(true);
    openProgress("restore", out, () => 0)[Symbol.dispose]();
    expect(out.said).toEqual([]);
  });

  test("an unknown total is not invented, and more than announced is not more than 100 %", () => {
    expect(describeAmount({ bytesDone: mib }, mib / 2)).toBe("1.0 MiB, 512 KiB/s");
    expect(describeAmount({ bytesDone: 2 * mib, bytesTotal: mib }, 2 * mib)).toContain("(100 %), 2.0 MiB/s, 0 s left");
  });

  test.each([10, 40, 80, 200])("never wider than a terminal of %d columns", (columns) => {
    const amount = { bytesDone: 3 * mib, bytesTotal: 7 * mib, note: "part 3 of 700" };
    expect(drawBar("restore", amount, mib, columns).length).toBeLessThan(columns);
  });
});
