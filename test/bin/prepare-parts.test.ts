import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** What a plain JavaScript module of bin/prepare returns, as JSON; it is outside of the type check. */
function call(module: string, expression: string): unknown {
  const file = JSON.stringify(join(root, "bin/prepare", module));
  const script = `import * as it from ${file}; console.log(JSON.stringify(${expression}) ?? "null")`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return JSON.parse(output) as unknown;
}

describe("packages", () => {
  function difference(wanted: object, installed: object | undefined): unknown {
    const home = mkdtempSync(join(tmpdir(), "drawbridge-packages-"));
    try {
      mkdirSync(join(home, "node_modules/a"), { recursive: true });
      writeFileSync(join(home, "package-lock.json"), JSON.stringify({ packages: { "": {}, ...wanted } }));
      const noted = join(home, "node_modules/.package-lock.json");
      if (installed !== undefined) writeFileSync(noted, JSON.stringify({ packages: installed }));
      return call("packages.mjs", `it.packagesDifference(${JSON.stringify(home)})`);
    } finally {
      rmSync(home, { recursive: true });
    }
  }
  const a = { "node_modules/a": { version: "1.0.0" } };

  test("are as locked", () => expect(difference(a, a)).toBeNull());
  test("are missing", () => expect(difference(a, undefined)).toBe("not there"));
  test("have another version", () => {
    expect(difference(a, { "node_modules/a": { version: "1.0.1" } })).toBe("a is not 1.0.0");
  });
  test("may lack what is for another system", () => {
    expect(difference({ ...a, "node_modules/b": { version: "1.0.0", optional: true } }, a)).toBeNull();
  });
  test("were noted and then removed", () => {
    const both = { ...a, "node_modules/gone": { version: "1.0.0" } };
    expect(difference(both, both)).toBe("gone is not 1.0.0");
  });
});

describe("the count of tests", () => {
  const count = (report: object): unknown => call("tests.mjs", `it.countTests(${JSON.stringify(report)})`);

  test("is that of the report", () => {
    const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 2, numTodoTests: 0, testResults: [] };
    expect(count(report)).toEqual({ passed: 3, failed: 1, skipped: 2 });
  });
  test("has a file that broke before its first test as a failure", () => {
    const testResults = [{ status: "failed", assertionResults: [] }];
    expect(count({ numPassedTests: 3, numFailedTests: 0, testResults })).toMatchObject({ failed: 1 });
  });
});

test("the launcher starts the pinned Node from any directory, through npm's link, and hands the status back", () => {
  const home = mkdtempSync(join(tmpdir(), "drawbridge-launcher-"));
  try {
    for (const folder of ["node_modules/node/bin", "node_modules/.bin"])
      mkdirSync(join(home, folder), { recursive: true });
    cpSync(join(root, "bin"), join(home, "bin"), { recursive: true });
    symlinkSync(process.execPath, join(home, "node_modules/node/bin/node"));
    symlinkSync("../../bin/drawbridge.mjs", join(home, "node_modules/.bin/drawbridge"));
    const program = "console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 3;";
    writeFileSync(join(home, "bin/main.mjs"), program);
    const done = spawnSync(join(home, "node_modules/.bin/drawbridge"), ["status", "a b"], {
      encoding: "utf8",
      cwd: "/",
    });
    expect(done).toMatchObject({ stdout: '["status","a b"]\n', status: 3 });
  } finally {
    rmSync(home, { recursive: true });
  }
});
