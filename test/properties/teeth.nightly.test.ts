import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Edit, mutants } from "./mutants.ts";

const root = new URL("../../", import.meta.url).pathname;
const only = process.env["DRAWBRIDGE_MUTANT"];

/** A copy of what the sequences need, with the mutant's edits. @throws when a text to edit is not there once. */
async function copyWith(edits: readonly Edit[]): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "drawbridge-mutant-"));
  for (const part of ["src", "test/properties", "test/support", "package.json", "tsconfig.json", "vitest.config.ts"])
    await cp(join(root, part), join(copy, part), { recursive: true });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  for (const { file, find, replace } of edits) {
    const text = await readFile(join(copy, file), "utf8");
    expect(text.split(find).length - 1, `${file} has "${find}"`).toBe(1);
    await writeFile(
      join(copy, file),
      text.replace(find, () => replace),
    );
  }
  return copy;
}

/** Plays the sequences there. @returns what they said when they failed, `undefined` when they noticed nothing. */
async function play(copy: string): Promise<string | undefined> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const env = {
    ...process.env,
    DRAWBRIDGE_SEQUENCES: process.env["DRAWBRIDGE_SEQUENCES"] ?? "1500",
    DRAWBRIDGE_SEED: "1",
    DRAWBRIDGE_SHRINK: "no",
  };
  const args = [vitest, "run", "--project", "pg", "test/properties/approvals.pg.test.ts"];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: copy, env, maxBuffer: 1e8 }, (error, stdout, stderr) =>
      resolve(error ? stdout + stderr : undefined),
    );
  });
}

for (const [name, edits] of Object.entries(mutants)) {
  test.skipIf(only !== undefined && only !== name)(
    `the sequences notice when ${name}`,
    async () => {
      const copy = await copyWith(edits);
      try {
        expect((await play(copy)) ?? "nothing was noticed").toContain("promise broken: ");
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    },
    900_000,
  );
}
