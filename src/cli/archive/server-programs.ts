import { execFileSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { environment } from "../environment.ts";

/** Where packages put PostgreSQL's programs: Debian and Ubuntu, Red Hat, Homebrew. `*` is the major version. */
const usualPlaces = [
  ["/usr/lib/postgresql", "bin"],
  ["/usr", "bin"],
  ["/opt/homebrew/opt", "bin"],
  ["/usr/local/opt", "bin"],
] as const;

/** PostgreSQL's programs of one major version on this host. */
export interface ServerPrograms {
  /** The directory that holds `pg_ctl` and `postgres`; `undefined`: that version is not here. */
  readonly bindir: string | undefined;
  /** Major versions that are here, for the hint. */
  readonly others: readonly number[];
}

/** Looks for the programs of `major`: `DRAWBRIDGE_PG_BINDIR`, where packages put them, then PATH. */
export function findServerPrograms(major: number): ServerPrograms {
  const env = environment();
  const named = env["DRAWBRIDGE_PG_BINDIR"];
  const path = (env["PATH"] ?? "").split(delimiter).filter((place) => place.startsWith("/"));
  const found = [...(named ? [named] : []), ...packaged(), ...path].flatMap((bindir) => {
    const version = versionOf(bindir);
    return version === undefined ? [] : [{ bindir, version }];
  });
  return {
    bindir: found.find(({ version }) => version === major)?.bindir,
    others: [...new Set(found.map(({ version }) => version))].filter((version) => version !== major),
  };
}

function packaged(): string[] {
  return usualPlaces.flatMap(([parent, last]) =>
    entries(parent)
      .filter((name) => /^(\d+|pgsql-\d+|postgresql@\d+)$/.test(name))
      .map((name) => join(parent, name, last)),
  );
}

function versionOf(bindir: string): number | undefined {
  try {
    for (const name of ["postgres", "pg_ctl"]) accessSync(join(bindir, name), constants.X_OK);
    const said = execFileSync(join(bindir, "postgres"), ["--version"], { encoding: "utf8", cwd: "/", timeout: 5_000 });
    return Number(/(\d+)/.exec(said)?.[1]);
  } catch {
    return undefined;
  }
}

function entries(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}
