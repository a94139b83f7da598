import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { DrawbridgeError } from "../errors.ts";
import { environment } from "./environment.ts";

const debian = "/usr/lib/postgresql";

/**
 * Where pg_dump, pg_restore and psql are: `DRAWBRIDGE_PG_CLIENT_BINDIR`, else the newest of Debian's directories, else PATH.
 * @throws DrawbridgeError `DB_CONFIG` when they are nowhere.
 */
export function findClientBindir(): string {
  const env = environment();
  const wanted = env["DRAWBRIDGE_PG_CLIENT_BINDIR"];
  const places = wanted ? [wanted] : [...debianBindirs(), ...(env["PATH"] ?? "").split(delimiter)];
  const found = places.find((place) => ["pg_dump", "pg_restore", "psql"].every((name) => isProgram(join(place, name))));
  if (found !== undefined) return found;
  throw new DrawbridgeError(
    "DB_CONFIG",
    `pg_dump, pg_restore and psql are not together in ${wanted ?? "any directory of PATH"}; ` +
      "install postgresql-client, or set DRAWBRIDGE_PG_CLIENT_BINDIR",
  );
}

/** The server's programs of a major version on this host, for the agent. */
export function findServerBindir(): string {
  const env = environment();
  const wanted = env["DRAWBRIDGE_PG_BINDIR"];
  const places = wanted ? [wanted] : debianBindirs();
  const found = places.find((place) => ["postgres", "pg_ctl"].every((name) => isProgram(join(place, name))));
  if (found !== undefined) return found;
  throw new DrawbridgeError("DB_CONFIG", "PostgreSQL's server programs are not here; name them with --bindir");
}

function debianBindirs(): string[] {
  try {
    const versions = readdirSync(debian).filter((name) => /^\d+$/.test(name));
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, "bin"));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
