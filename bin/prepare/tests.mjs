// Runs the tests: the type check first, since Node strips types without looking at them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd } from "./run.mjs";

/**
 * Type check, then vitest; ends with the line `N passed, N failed` on standard output. Returns the exit status.
 * @returns {Promise<number>}
 */
export async function runTests({ root, node, env, args, nightly }) {
  const program = (path) => join(root, "node_modules", path);
  const options = { env, cwd: root };
  const typed = await runToEnd(program(".bin/tsc"), [], options);
  // A signal ended it: what was not finished is not counted.
  if (typed >= 128) return typed;
  if (typed !== 0) return finish("The type check failed, so no test was run.", { passed: 0, failed: 1 }, typed);
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-test-"));
  try {
    const file = join(folder, "report.json");
    const projects = nightly ? ["nightly"] : ["unit", "pg", "redis", "e2e"];
    const selected = projects.flatMap((name) => ["--project", name]);
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const vitest = [program("vitest/vitest.mjs"), "run", ...selected, ...reporters, ...args];
    const status = await runToEnd(node, vitest, options);
    if (status >= 128) return status;
    const counts = countTests(readReport(file));
    // Errors outside of any test (an unhandled rejection) fail the run too, and have to be seen in the counts.
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    return finish("", counts, status === 0 && counts.failed > 0 ? 1 : status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Tests passed, failed and skipped by vitest's JSON report; a file that broke before its first test counts as one failure. */
export function countTests(report) {
  const broken = (report?.testResults ?? []).filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  return {
    passed: report?.numPassedTests ?? 0,
    failed: (report?.numFailedTests ?? 0) + broken.length,
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  };
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // No report: vitest ended before it could write one, which its exit status says.
    return undefined;
  }
}

function finish(remark, { passed, failed, skipped = 0 }, status) {
  if (remark !== "") process.stderr.write(`${remark}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`);
  return status;
}
