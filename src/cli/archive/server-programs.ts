import { execFile } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
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
export async function findServerPrograms(major: number): Promise<ServerPrograms> {
  const env = environment();
  const named = env["DRAWBRIDGE_PG_BINDIR"];
  const path = (env["PATH"] ?? "").split(delimiter).filter((place) => place.startsWith("/"));
  const places = [...(named ? [named] : []), ...packaged(), ...path];
  const looked = await Promise.all(places.map(async (bindir) => ({ bindir, version: await versionOf(bindir) })));
  const found = looked.flatMap(({ bindir, version }) => (version === undefined ? [] : [{ bindir, version }]));
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

async function versionOf(bindir: string): Promise<number | undefined> {
  try {
    for (const name of ["postgres", "pg_ctl"]) accessSync(join(bindir, name), constants.X_OK);
    const { stdout } = await promisify(execFile)(join(bindir, "postgres"), ["--version"], { cwd: "/", timeout: 5_000 });
    return Number(/(\d+)/.exec(stdout)?.[1]);
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
