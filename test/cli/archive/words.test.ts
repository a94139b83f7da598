import { describe, expect, test } from "vitest";
import { formatBytes, formatMoment, formatSeconds, formatTable } from "../../../src/cli/archive/words.ts";

describe("numbers for people", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [150 * 1024 ** 2, "150 MiB"],
    [5 * 1024 ** 4, "5.0 TiB"],
  ])("%d bytes: %s", (bytes, words) => {
    expect(formatBytes(bytes)).toBe(words);
  });

  test.each([
    [0.4, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [200, "3 min 20 s"],
    [7500, "2 h 5 min"],
    [3600, "1 h"],
    // not "1 h 60 min"
    [7199, "2 h"],
  ])("%d seconds: %s", (seconds, words) => {
    expect(formatSeconds(seconds)).toBe(words);
  });

  test("moments to the second, in UTC", () => {
    expect(formatMoment(new Date("2026-11-22T10:51:38.123Z"))).toBe("2026-11-22 10:51:38Z");
  });

  test("columns are as wide as their widest cell", () => {
    expect(formatTable(["A", "LONG"], [["aaa", "b"]])).toBe("A    LONG\naaa  b");
  });
});
