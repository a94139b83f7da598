import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";

// the sequences are tried against them at night only (teeth.nightly.test.ts)
test.each(Object.entries(mutants))("the mutant still fits the sources: %s", (_, edits) => {
  for (const { file, find } of edits) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    expect(text.split(find).length - 1, `${file} has "${find}" once`).toBe(1);
  }
});
