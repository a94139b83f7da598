import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shellLine } from "../../../src/archive/host/shell-word.ts";

test("a printed command line is read by the shell as the words that it is made of", () => {
  const word = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !text.includes("\0"));
  const words = fc.array(fc.oneof(word, fc.constantFrom("a'b", 'x "y"', "$HOME", "`id`", "-n", "*")), { maxLength: 5 });
  fc.assert(
    fc.property(words, (line) => {
      const said = execFileSync("sh", ["-c", `printf '%s\\0' ${shellLine(line)}`], { encoding: "utf8" });
      expect(said).toBe(line.length === 0 ? "\0" : line.map((one) => `${one}\0`).join(""));
    }),
    { numRuns: 40 },
  );
});
