import { describe, expect, test } from "vitest";
import { hasBinaries } from "../../support/pg-binaries.ts";
import { proveVersion } from "./prove-version.ts";

// the others run at night: a second one takes as long again, and the servers of 14, 16 and 18 are fetched
const here = [15].filter(hasBinaries);

describe("an archive with two backups, a tablespace and a change of timeline, restored and recovered to its end", () => {
  test.each(here)(
    "PostgreSQL %i: rows equal, unlogged tables empty, a timeline of its own",
    { timeout: 300_000 },
    async (major) => {
      const { restored, archived } = await proveVersion(major);
      expect(restored).toEqual(archived);
    },
  );
});
