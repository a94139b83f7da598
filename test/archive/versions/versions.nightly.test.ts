import { describe, expect, test } from "vitest";
import { proveVersion } from "./prove-version.ts";

// fails, not skips, when a server's package cannot be had
describe("an archive with two backups, a tablespace and a change of timeline, restored and recovered to its end", () => {
  test.each([14, 16, 17, 18])(
    "PostgreSQL %i: rows equal, unlogged tables empty, a timeline of its own",
    { timeout: 900_000 },
    async (major) => {
      const { restored, archived } = await proveVersion(major);
      expect(restored).toEqual(archived);
    },
  );
});
