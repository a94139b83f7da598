import { blocker, type Check } from "../finding.ts";

/** `pg_dump` refuses servers newer than itself. */
export const clientVersion: Check = {
  name: "client-version",
  judge: ({ source, client }) => {
    if (client.pgDumpMajor === undefined) {
      return [
        blocker(
          `There is no working pg_dump in ${client.bindir} on the worker's machine.`,
          "Install the PostgreSQL client programs there, or set DRAWBRIDGE_PG_CLIENT_BINDIR to their directory.",
        ),
      ];
    }
    if (!source) return undefined;
    const { version } = source.identity;
    if (client.pgDumpMajor >= version) return [];
    return [
      blocker(
        `pg_dump in ${client.bindir} is of PostgreSQL ${client.pgDumpMajor}, older than the source (${version}): it refuses to dump it.`,
        `Install client programs of PostgreSQL ${version} or newer on the worker's machine and set DRAWBRIDGE_PG_CLIENT_BINDIR.`,
      ),
    ];
  },
};
