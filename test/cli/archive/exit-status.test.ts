import { describe, expect, test } from "vitest";
import { adviceFor, exitStatusOf } from "../../../src/cli/archive/exit-status.ts";
import { DrawbridgeError } from "../../../src/errors.ts";

const cases = [
  ["DB_ARCHIVE_INVALID", "part_3 is cut", false, 1],
  ["DB_ARCHIVE_INVALID", "part_3 is cut", true, 1],
  ["DB_BAD_INPUT", "the directory is not empty", false, 1],
  ["DB_ABORTED", "stopped", false, 3],
  ["DB_CONNECTION", "connect ECONNREFUSED", false, 3],
  ["DB_ARCHIVE_ACCESS", "get part_1: AccessDenied: Access Denied", false, 1],
  ["DB_ARCHIVE_ACCESS", "get part_1: AccessDenied: Access Denied", true, 3],
  ["DB_ARCHIVE_ACCESS", "ExpiredToken: The provided token has expired.", false, 3],
  ["DB_UNEXPECTED", "ENOSPC: no space left on device", true, 3],
  ["DB_UNEXPECTED", "EACCES: permission denied, mkdir '/srv/x'", false, 1],
] as const;

describe("exit status", () => {
  test.each(cases)("%s %j, something begun: %s → %d", (code, message, hasBegun, status) => {
    expect(exitStatusOf(new DrawbridgeError(code, message), hasBegun)).toBe(status);
  });

  test("3 says which command goes on; 1 does not promise that", () => {
    const fault = new DrawbridgeError("DB_CONNECTION", "connect ECONNREFUSED");
    expect(adviceFor(fault, 3, "npx drawbridge archive restore").at(-1)).toBe(
      "Go on with:\n  npx drawbridge archive restore",
    );
    expect(adviceFor(fault, 1, "npx drawbridge archive restore").join()).not.toContain("Go on");
  });
});
