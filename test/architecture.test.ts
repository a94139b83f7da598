import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { shapeFaults, violations } from "./support/architecture.ts";

const root = resolve(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const files = (...patterns: string[]): string[] => globSync(patterns, { cwd: root }).toSorted();

describe("the rooms", () => {
  test("import only what the table of DESIGN.md allows, and each package lives in one room", () => {
    const product = files("src/**/*.ts", "jobs/**/*.ts");
    expect(product.length).toBeGreaterThan(4);
    expect(product.flatMap((file) => violations(file, read(file)))).toEqual([]);
  });

  test("have files of 250 lines at most, without any, tests and programs too", () => {
    const others = files("test/**/*.ts", "bin/**/*.{ts,mjs}", "bench/**/*.ts");
    expect(others.flatMap((file) => shapeFaults(read(file)).map((fault) => `${file}: ${fault}`))).toEqual([]);
  });
});

describe("the check itself catches", () => {
  const cases: readonly (readonly [why: string, file: string, source: string])[] = [
    ["a forbidden room", "src/slack/x.ts", 'import { a } from "../postgres/lsn.ts";'],
    ["a forbidden room, types only", "src/queue/x.ts", 'import type { A } from "../postgres/lsn.ts";'],
    ["a forbidden room over several lines", "src/queue/x.ts", 'import {\n  a,\n  b,\n} from "../journal/x.ts";'],
    ["a forbidden room, exported again", "src/archive/x.ts", 'export { a } from "../aws/s3.ts";'],
    ["a forbidden room, imported late", "src/report/x.ts", 'const x = await import("../slack/app.ts");'],
    ["a value where only types are allowed", "src/report/x.ts", 'import { type A, b } from "../postgres/lsn.ts";'],
    ["anything but the object store in aws", "src/aws/x.ts", 'import { a } from "../archive/tar.ts";'],
    ["the composition root", "src/migration/x.ts", 'import { a } from "../cli/x.ts";'],
    ["the sandbox", "src/agent/x.ts", 'import { a } from "../sandbox/x.ts";'],
    ["jobs from a room", "src/queue/x.ts", 'import { a } from "../../jobs/x.ts";'],
    ["a leaf that is none", "src/log.ts", 'import { a } from "./queue/x.ts";'],
    ["a package outside of its room", "src/migration/x.ts", 'import { Client } from "pg";'],
    ["a package outside of its room, in jobs", "jobs/x.ts", 'import type { Job } from "bullmq";'],
    ["a package without a room", "src/config/x.ts", 'import { a } from "left-pad";'],
    ["the environment", "src/config/x.ts", 'const a = process.env["HOME"];'],
    ["any", "src/config/x.ts", "function f(a: any): void {}"],
    ["any in a type argument", "src/config/x.ts", "const a = new Map<string, any>();"],
    ["a long file", "src/config/x.ts", "a();\n".repeat(251)],
  ];
  test.for(cases)("%s", ([, file, source]) => {
    expect(violations(file, source)).toHaveLength(1);
  });
});

test("the check lets pass what is allowed", () => {
  const allowed = [
    ["src/slack/x.ts", 'import { App } from "@slack/bolt";\nimport { a } from "../approvals/decide.ts";'],
    ["src/report/x.ts", 'import { type Lsn } from "../postgres/lsn.ts";\nimport { a } from "../clock.ts";'],
    ["src/aws/x.ts", 'import type { ObjectStore } from "../archive/store/object-store.ts";'],
    [
      "src/migration/steps/x.ts",
      'import { a } from "../../postgres/lsn.ts";\n// import { b } from "../../slack/x.ts";',
    ],
    ["src/cli/x.ts", 'import { a } from "../../jobs/preflight.ts";\nconst b = process.env["X"];'],
    ["src/config/x.ts", 'const text = "is there any: thing";\n' + "// a comment\n".repeat(300)],
  ] as const;
  expect(allowed.flatMap(([file, source]) => violations(file, source))).toEqual([]);
});
