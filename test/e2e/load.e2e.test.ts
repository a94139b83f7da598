import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startSandbox } from "../support/sandbox.ts";
import { reportSchema } from "./report.ts";

test("what cannot be moved is named with its fix before anything is touched", async () => {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-load-"));
  const file = join(folder, "large-objects.sql");
  writeFileSync(
    file,
    "create table files (id int primary key, content oid);\ninsert into files values (1, lo_from_bytea(0, 'bytes'));\n",
  );
  await using sandbox = startSandbox(["--load", file], true);
  const status = await sandbox.ended;
  rmSync(folder, { recursive: true });
  const output = sandbox.output();
  expect(status, output.slice(-4_000)).toBe(1);
  expect(output).toMatch(/before anything was touched:[^]*large-objects[^]*large object[^]*Fix: .*lo_get/);
  const report = reportSchema.parse(sandbox.report());
  expect(report.ok).toBe(false);
  const blockers = report.findings.filter(({ severity }) => severity === "blocker");
  expect(blockers).toEqual([
    expect.objectContaining({ check: "large-objects", fix: expect.stringContaining("lo_get") }),
  ]);
  const begun = report.phases.filter(({ outcome }) => outcome !== "not started" && outcome !== "waiting");
  expect(begun.map(({ name }) => name)).toEqual(["preflight"]);
});

test("a file that cannot be loaded ends the run with its first wrong line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-load-"));
  const file = join(folder, "wrong.sql");
  writeFileSync(file, "create table a (id int primary key);\ninsert into b values (1);\n");
  await using sandbox = startSandbox(["--load", file], true);
  const status = await sandbox.ended;
  rmSync(folder, { recursive: true });
  expect(status).toBe(1);
  expect(sandbox.output()).toMatch(/line 2.*relation "b" does not exist/);
});
