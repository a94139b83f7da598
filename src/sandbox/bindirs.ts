import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const debian = "/usr/lib/postgresql";

/** Server programs for source and bridge: what `bin/prepare.mjs` found, else the newest of the usual directories. */
export function findServerBindir(): string {
  return find(process.env["DRAWBRIDGE_PG_BINDIR"], ["postgres", "initdb", "pg_ctl"]);
}

/** Client programs: likewise. */
export function findClientBindir(): string {
  return find(process.env["DRAWBRIDGE_PG_CLIENT_BINDIR"] ?? process.env["DRAWBRIDGE_PG_BINDIR"], [
    "pg_dump",
    "pg_restore",
    "psql",
  ]);
}

function find(named: string | undefined, programs: readonly string[]): string {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const places = named === undefined ? versions.map((version) => join(debian, version, "bin")) : [named];
  const found = places.find((place) => programs.every((program) => existsSync(join(place, program))));
  if (found === undefined)
    throw new Error(`${programs.join(", ")} are not in ${places.join(" or ")}; run \`node bin/prepare.mjs\``);
  return found;
}
