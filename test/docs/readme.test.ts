import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { secretNames } from "../../src/config/secrets.ts";

const root = resolve(import.meta.dirname, "../..");
const text = readFileSync(join(root, "README.md"), "utf8");

/** The first cells of a part's table, without quotes and arguments. */
function namesIn(heading: string): string[] {
  const part = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const cells = part.split("\n").flatMap((line) => /^\| (`.*?) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name.replace(/ [<[].*$/, "")));
}

const helpOf = (...args: string[]): string =>
  execFileSync(process.execPath, [join(root, "bin/main.mjs"), ...args, "--help"], { encoding: "utf8" });

describe("README.md", () => {
  test("has the two commands of a newcomer in its first screen", () => {
    const screen = text.split("\n").slice(0, 20).join("\n");
    for (const command of ["npm run sandbox", "npm test"]) expect(screen).toContain(command);
  });

  test("lists every subcommand", () => {
    const commands = [...helpOf().matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
    const listed = namesIn("Subcommands").map((name) => name.split(" ")[0] ?? "");
    expect([...new Set(listed)].toSorted()).toEqual(commands.filter((name) => name !== "help").toSorted());
  });

  test("lists every option of the sandbox", () => {
    const options = [...helpOf("sandbox").matchAll(/^ {2}(?:-h, )?(--[a-z-]+)/gm)].map(([, name = ""]) => name);
    expect(namesIn("The sandbox").toSorted()).toEqual(options.filter((name) => name !== "--help").toSorted());
  });

  test("lists every option of the archive commands", () => {
    const commands = ["list", "check", "restore", "wal"];
    const options = commands.flatMap((name) =>
      [...helpOf("archive", name).matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option = ""]) => option),
    );
    expect(options).toContain("--prefix");
    expect([...new Set(namesIn("Only the archive").filter((name) => name.startsWith("--")))].toSorted()).toEqual(
      [...new Set(options)].toSorted(),
    );
  });

  test("names every secret, and every variable that the program reads", () => {
    const sources = globSync("src/cli/*.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8"));
    const read = sources.flatMap((source) =>
      [...source.matchAll(/\benv\["([A-Z0-9_]+)"\]/g)].map(([, name = ""]) => name),
    );
    const wanted = new Set([...read, ...Object.values(secretNames).flat()]);
    const missing = [...wanted].filter((name) => name !== "PATH" && !text.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});
