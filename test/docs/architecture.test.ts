import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "../../src/migration/plan.ts";
import { mayImport } from "../support/architecture.ts";

const root = resolve(import.meta.dirname, "../..");
const pages = ["README.md", "ARCHITECTURE.md", "RUNBOOK.md", "CHANGELOG.md"];
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** Rows of the table under a heading, as cells. The head and the line under it are left out. */
function table(text: string, heading: string): string[][] {
  const part = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = part.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("ARCHITECTURE.md", () => {
  const text = read("ARCHITECTURE.md");

  test("has the table of rooms that is enforced", () => {
    const shown = table(text, "Rooms").map(([room = "", , imports = ""]) => {
      const rooms = imports === "everything" ? ["*"] : imports.split(", ").filter((each) => each !== "");
      return [
        room.replaceAll(/`|src\//g, ""),
        rooms.map((each) => each.replace(/^(.*) \(types\)$/, "type:$1")),
      ] as const;
    });
    expect(Object.fromEntries(shown)).toEqual(mayImport);
  });

  test("has the steps of every phase, in order, with their gates", () => {
    const shown = table(text, "The plan").map(([phase = "", steps = ""]) => [
      phase.replaceAll("`", ""),
      steps.split(" → "),
    ]);
    const steps = Object.entries(plan).map(([phase, each]) => [
      phase,
      each.map(({ name, gate }) => (gate === undefined ? name : `**${name}**`)),
    ]);
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(steps));
  });
});

describe("every page", () => {
  test.for(pages)("%s names only files that exist", (page) => {
    const named = read(page).matchAll(
      /(?:\]\(|`)((?:src|test|bin|docs|docker|bench|jobs)\/[\w./-]+|[\w-]+\.(?:md|yaml))/g,
    );
    const missing = [...new Set([...named].map(([, path = ""]) => path))].filter(
      (path) => !existsSync(join(root, path)),
    );
    expect(missing.filter((path) => path !== "drawbridge.yaml")).toEqual([]);
  });
});
