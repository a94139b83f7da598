import fc from "fast-check";
import { expect, it } from "vitest";
import { cleanBody, TooDeep } from "../../src/slack/clean-body.ts";

const nothing: ReadonlySet<string> = new Set();

function holdsOnlyWhatJsonbTakes(value: unknown): boolean {
  if (typeof value === "string") return !value.includes("\0") && value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, each]) => holdsOnlyWhatJsonbTakes(key) && holdsOnlyWhatJsonbTakes(each));
}

it("a body is stored without NUL and half characters, whatever was sent", () => {
  const anything = fc.object({
    key: fc.string({ unit: "binary" }),
    values: [fc.string({ unit: "binary" })],
    maxDepth: 5,
  });
  fc.assert(
    fc.property(anything, (body) => {
      expect(holdsOnlyWhatJsonbTakes(cleanBody({ ...body, x: "a\0b\ud800c" }, nothing))).toBe(true);
    }),
  );
  expect(cleanBody({ x: "a\0b\ud800c", token: "t" }, new Set(["token"]))).toEqual({ x: "ab\ufffdc" });
});

it("what nests a hundred thousand deep is refused and does not exhaust the stack", () => {
  const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
  expect(() => cleanBody({ deep }, nothing)).toThrow(TooDeep);
});
