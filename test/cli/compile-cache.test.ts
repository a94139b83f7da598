import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const program = resolve(import.meta.dirname, "../../bin/drawbridge.ts");

/** Runs the program with a cache directory of its own; gives what it left there. */
function cacheAfter(prepare: (cacheHome: string) => void, env: Record<string, string> = {}): string[] {
  const cacheHome = mkdtempSync(join(tmpdir(), "drawbridge-cache-"));
  try {
    prepare(cacheHome);
    const all = { PATH: process.env["PATH"], XDG_CACHE_HOME: cacheHome, ...env };
    const said = execFileSync(process.execPath, [program, "archive", "--help"], { env: all, encoding: "utf8" });
    expect(said).toContain("restore");
    const dir = join(cacheHome, "drawbridge/compiled");
    if (!existsSync(dir)) return [];
    if (readdirSync(dir).length > 0) expect(statSync(dir).mode & 0o777).toBe(0o700);
    return readdirSync(dir);
  } finally {
    rmSync(cacheHome, { recursive: true });
  }
}

test("compiled code is kept where only we may write", () => {
  expect(cacheAfter(() => undefined)).toHaveLength(1);
});

test.each(["drawbridge/compiled", "drawbridge", "."])("nothing is kept where others may write to %s", (place) => {
  const open = (home: string): void => {
    mkdirSync(join(home, "drawbridge/compiled"), { recursive: true, mode: 0o700 });
    chmodSync(join(home, place), 0o777);
  };
  expect(cacheAfter(open)).toEqual([]);
});

test("Node's own switch turns it off", () => {
  expect(cacheAfter(() => undefined, { NODE_DISABLE_COMPILE_CACHE: "1" })).toEqual([]);
});
