import { expect, it } from "vitest";
import { changedLines } from "../../../src/sandbox/run/narrator.ts";

it("an edit is told by its new lines only", () => {
  expect(changedLines(["a", "b", "c"], ["a", "b2", "c", "", "d"])).toEqual(["b2", "d"]);
  expect(changedLines(["a"], ["a"])).toEqual([]);
});
